//! Builds a registry or a node out of the parts and runs its loop.
