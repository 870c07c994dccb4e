//! `halosync test`: real runs of the binary, goldens of every form, and that a test sees what a plan does.

mod planned;
mod recorded;
mod run;
