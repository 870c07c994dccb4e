//! stub

pub mod diagnostics;
