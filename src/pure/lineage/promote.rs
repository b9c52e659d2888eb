//! The survey before a promotion: may I, is my log complete, is that proven, and which epoch comes next.
