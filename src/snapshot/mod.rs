//! Recorded snapshots: the two reads of a plan as JSON Lines, written and read back.
