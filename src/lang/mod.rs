//! The one small language of halosync: templates (`{{ person.givenName }}`) and conditions (`person.inactive`).
//!
//! Built on minijinja, strict about undefined values, without side effects, bounded by fuel. Its only clock is
//! `as_of`, which the caller passes in. Compiling reports everything unknown (variables, functions, filters, tests,
//! tables) before a single person is looked at.
