//! What reviewers see: goldens, and that no name can change what they see.
//!
//! Goldens are `tests/render/<case>.{txt,full.txt,md}`. `BLESS=1` writes them anew; look at the difference before
//! committing it.

mod acme;
mod example;
mod goldens;
mod headings;
mod hostile;
mod length;
mod outcomes;
mod plans;
mod redacted;
