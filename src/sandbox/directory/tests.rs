//! Semantics, without the wire.
