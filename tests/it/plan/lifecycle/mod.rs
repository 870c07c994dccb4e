//! States over time: zones, stages, stamps, absence and the calendar, each through the whole planner and, where a
//! change matters, through the directory as it is after the plan.

mod absent;
mod calendar;
mod company;
mod conversion;
mod decided;
mod decisions;
mod inactive;
mod returns;
mod stages;
mod stamps;
mod year;
mod zones;
