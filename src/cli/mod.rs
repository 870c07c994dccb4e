//! stub

pub mod schema;
pub mod validate;
pub mod workspace;
