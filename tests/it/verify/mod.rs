//! What makes it provable that a plan was applied as it was approved: refusals, `halosync verify`, the journal's chain.

mod chain;
