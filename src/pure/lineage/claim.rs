//! A master's claim, and how a replica judges it: the meeting table, one row a line.
