//! Authorising to sources, through the real binary: every way there is, logging in, and living on refresh tokens.

mod desk;
mod echo;
mod login;
mod oidc;
mod refused;
mod secret_files;
mod ways;
