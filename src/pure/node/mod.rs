//! The node's state machine: events and time in, effects out.
