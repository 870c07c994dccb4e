//! A login in the operating system's keyring, by the program the system has for it: `secret-tool` (libsecret) on
//! Linux, `security` on macOS.
//!
//! A program rather than a library, because the libraries bring D-Bus and a hundred crates into every build, and most
//! runs have no desktop. Invariant: the login goes through standard input and output, never through an argument, which
//! every process of the machine could read.

use std::any::Any;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::connector::rest::{StoreError, TokenStore};

/// What entries are filed under.
const SERVICE: &str = "halosync";

/// A login in the keyring.
pub(in crate::cli) struct Keyring {
    /// Which login: project and source.
    account: String,
    /// Locked while the login is in use; a keyring has no lock of its own.
    lock: PathBuf,
    tool: Tool,
}

/// The program that reaches the keyring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tool {
    SecretTool,
    Security,
}

impl Keyring {
    /// The entry of a source. `lock_folder` must exist.
    ///
    /// # Errors
    /// On systems whose keyring no program reaches.
    pub(in crate::cli) fn new(
        account: String,
        lock_folder: &std::path::Path,
    ) -> Result<Self, &'static str> {
        let tool = if cfg!(target_os = "macos") {
            Tool::Security
        } else if cfg!(unix) {
            Tool::SecretTool
        } else {
            return Err(
                "halosync does not reach this system's keyring; use `file`, which works everywhere",
            );
        };
        let name: String = account
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        Ok(Self {
            account,
            lock: lock_folder.join(format!("{name}.lock")),
            tool,
        })
    }

    /// Runs the program; gives whether it succeeded, what it printed and what it complained of.
    fn run(
        &self,
        arguments: &[&str],
        input: &[u8],
    ) -> Result<(bool, Zeroizing<Vec<u8>>, String), StoreError> {
        let program = match self.tool {
            Tool::SecretTool => "secret-tool",
            Tool::Security => "security",
        };
        let failed = |error: &std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => StoreError::Misplaced(format!(
                "the keyring cannot be reached: `{program}` is not installed (Debian, Ubuntu: libsecret-tools; \
                     Fedora: libsecret); without a desktop, use `file` instead of `keyring`"
            )),
            _ => StoreError::Broken(format!(
                "the keyring cannot be reached: `{program}` does not run: {error}"
            )),
        };
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(&error))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that ended early says why by itself.
            let _ = stdin.write_all(input);
        }
        let output = child.wait_with_output().map_err(|error| failed(&error))?;
        let complaint = String::from_utf8_lossy(&output.stderr)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let complaint = complaint.chars().take(200).collect();
        Ok((
            output.status.success(),
            Zeroizing::new(output.stdout),
            complaint,
        ))
    }

    fn refused(&self, what: &str, complaint: &str) -> StoreError {
        let said = if complaint.is_empty() {
            String::new()
        } else {
            format!(": {complaint}")
        };
        StoreError::Denied(format!(
            "the keyring does not {what} the login{said}; unlock it in a desktop session, or use `file` instead of \
             `keyring`"
        ))
    }
}

impl TokenStore for Keyring {
    fn place(&self) -> String {
        format!("the keyring ({SERVICE}, {})", self.account)
    }

    fn check(&self) -> Result<(), StoreError> {
        // Asks whoever holds the keyring; nothing found is a fine answer.
        self.load().map(drop)
    }

    fn lock(&self) -> Result<Box<dyn Any + Send>, StoreError> {
        super::lock(&self.lock)
    }

    fn load(&self) -> Result<Option<SecretString>, StoreError> {
        let (found, text, complaint) = match self.tool {
            Tool::SecretTool => self.run(
                &["lookup", "service", SERVICE, "account", &self.account],
                &[],
            )?,
            Tool::Security => self.run(
                &[
                    "find-generic-password",
                    "-s",
                    SERVICE,
                    "-a",
                    &self.account,
                    "-w",
                ],
                &[],
            )?,
        };
        if !found {
            let absent = match self.tool {
                Tool::SecretTool => complaint.is_empty(),
                // errSecItemNotFound
                Tool::Security => complaint.contains("could not be found"),
            };
            return if absent {
                Ok(None)
            } else {
                Err(self.refused("give", &complaint))
            };
        }
        let text = text.trim_ascii_end();
        if text.is_empty() {
            return Ok(None);
        }
        STANDARD
            .decode(text)
            .ok()
            .and_then(|plain| String::from_utf8(plain).ok())
            .map(|plain| Some(SecretString::from(plain)))
            .ok_or_else(|| {
                StoreError::Misplaced(
                    "the keyring's entry is no login of halosync; delete it, then log in again"
                        .to_owned(),
                )
            })
    }

    fn save(&self, text: &SecretString) -> Result<(), StoreError> {
        // Without quotes and line breaks, so that no program can misread it.
        let plain = Zeroizing::new(STANDARD.encode(text.expose_secret()));
        let label = format!("halosync login of {}", self.account);
        let (kept, _, complaint) = match self.tool {
            Tool::SecretTool => self.run(
                &[
                    "store",
                    "--label",
                    &label,
                    "service",
                    SERVICE,
                    "account",
                    &self.account,
                ],
                plain.as_bytes(),
            )?,
            Tool::Security => {
                // `-i` takes commands from standard input. The account has no quotes; see `Keyring::new`'s caller.
                let command = Zeroizing::new(format!(
                    "add-generic-password -U -s {SERVICE} -a \"{}\" -w \"{}\"\n",
                    self.account, *plain
                ));
                self.run(&["-i"], command.as_bytes())?
            }
        };
        // `security -i` succeeds whatever became of its commands.
        let arrived = kept
            && self
                .load()?
                .is_some_and(|found| found.expose_secret() == text.expose_secret());
        if arrived {
            Ok(())
        } else {
            Err(self.refused("take", &complaint))
        }
    }

    fn delete(&self) -> Result<bool, StoreError> {
        if self.load()?.is_none() {
            return Ok(false);
        }
        let (gone, _, complaint) = match self.tool {
            Tool::SecretTool => self.run(
                &["clear", "service", SERVICE, "account", &self.account],
                &[],
            )?,
            Tool::Security => self.run(
                &[
                    "delete-generic-password",
                    "-s",
                    SERVICE,
                    "-a",
                    &self.account,
                ],
                &[],
            )?,
        };
        if gone {
            Ok(true)
        } else {
            Err(self.refused("delete", &complaint))
        }
    }
}
