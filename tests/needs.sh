# What the lab needs of this machine, and what of it is missing. tests/run
# sources this file. It holds functions only, and changes nothing by itself.
#
# What is missing is a text for each thing, a line each: "a C compiler",
# "pytest 7.0 or later (6.0.2 is here)". An empty text means that nothing is.
#
# The caller sets `here`, the clone, and `build`, the folder for what is built.

newline='
'

# Prints what is missing to compile a C program that uses the C library.
#
# The program is only looked at, and nothing is written: a full disk is another
# fault, with a message of its own. The words of CC are split as make splits them.
missing_for_c() {
    set -f
    # shellcheck disable=SC2086
    set -- ${CC:-cc}
    set +f
    if ! command -v "${1:-cc}" >/dev/null; then
        if [ -n "${CC:-}" ]; then echo "a C compiler (CC names $CC)"; else echo 'a C compiler'; fi
    elif ! "$@" -x c -fsyntax-only "$here/tests/lab/smallest.c" >/dev/null 2>&1; then
        echo 'the headers of the C library'
    fi
}

# Prints the Pythons that there are, likeliest first.
pythons() {
    for candidate in "${VIRTUAL_ENV:-}/bin/python" "$here/.venv/bin/python" "$build/venv/bin/python"; do
        [ ! -x "$candidate" ] || printf '%s\n' "$candidate"
    done
    (
        IFS=:
        set -f
        for folder in $PATH; do
            [ ! -x "$folder/python3" ] || printf '%s\n' "$folder/python3"
        done
    )
}

# Whether the Python $1 starts, with the compiled modules in the folder $2 if one is given, and is not too old.
#
# This takes 7 ms; to look at its modules takes 130. It keeps no compiled modules (-B): where the disk is full they
# would be cut off, and the next start would stumble over them.
starts() {
    [ -x "$1" ] && PYTHONPYCACHEPREFIX="${2:-}" "$1" -B -S -c 'import sys; sys.exit(sys.version_info < (3, 9))' \
        >/dev/null 2>&1
}

# Sets `lacks` to what the Python $1 lacks. If it lacks nothing, sets `python` to its path.
look_at_python() {
    answer=$("$1" -B "$here/tests/lab/needs.py" 2>/dev/null)
    case $?:$answer in
        0:?*) lacks='' python=$answer ;;
        1:?*) lacks=$answer ;;
        *)
            # It printed nothing, so it did not come as far as that.
            answer=$("$1" -B "$here/tests/lab/needs.py" 2>&1)
            lacks="Python 3.9 or later ($1 does not start: ${answer##*"$newline"})"
            ;;
    esac
}

# Looks at all Pythons. Sets `python` to the first that has everything.
#
# If none has, this fails, with `lacks` set to what the likeliest one lacks: the
# first that is new enough.
find_python() {
    likeliest='Python 3.9 or later'
    IFS=$newline
    set -f
    for candidate in $(pythons); do
        look_at_python "$candidate"
        [ -n "$lacks" ] || break
        case $likeliest in Python*) likeliest=$lacks ;; esac
    done
    unset IFS
    set +f
    [ -n "${python:-}" ] && return 0
    lacks=$likeliest
    return 1
}

# Prints the first Python from which an environment with a pip of its own can be made.
python_for_pip() {
    pythons | while IFS= read -r candidate; do
        if starts "$candidate" && "$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            break
        fi
    done
}

# Whether the pytest that apt would install is too old. Where apt knows of none, it is not.
apts_pytest_is_too_old() {
    case $(apt_version) in [0-6].*) return 0 ;; esac
    return 1
}

# Prints the version of pytest that apt would install; nothing if it has not been told yet what there is.
apt_version() {
    command -v apt-cache >/dev/null || return 0
    LC_ALL=C apt-cache policy python3-pytest 2>/dev/null | sed -n 's/^ *Candidate: *\([0-9].*\)/\1/p'
}

# Prints the names of the Debian packages that have what is missing ($1), in one line.
packages_for() {
    packages=
    case $1 in *'a C compiler'*) packages='gcc libc6-dev' ;; *'C library'*) packages=libc6-dev ;; esac
    case $1 in *Python* | *pytest*)
        if apts_pytest_is_too_old; then
            # pip gets a newer one, and psutil too.
            [ -n "$(python_for_pip)" ] || packages="$packages python3-venv"
            echo "${packages# }"
            return
        fi
        packages="$packages python3-pytest"
        ;;
    esac
    case $1 in *Python* | *psutil*) packages="$packages python3-psutil" ;; esac
    echo "${packages# }"
}

# Prints lines as one: "A, B, C".
in_one_line() {
    printf '%s' "$1" | sed -e ':next' -e '$!{' -e 'N' -e 'b next' -e '}' -e 's/\n/, /g'
}
