/* What is done with signals. */
#ifndef SIGNALS_H
#define SIGNALS_H

void reset_signals(void);
void hold_signals(void);
void leave_hangup_pending(void);
int watch_children(void);

#endif
