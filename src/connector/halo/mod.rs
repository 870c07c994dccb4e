//! HaloITSM over its REST API.
