//! Who runs this program, and where: for people who find a lock.
//!
//! The environment says it on most machines. Services and containers often have neither variable; there the system
//! itself is asked, as far as it can be without a library: Linux tells in files. What nobody tells is said to be unknown.

use std::path::Path;

use super::context::Context;

/// Where Linux and others keep what they know, below `/`.
const NAMES: [&str; 2] = ["proc/sys/kernel/hostname", "etc/hostname"];

/// User, machine and process.
pub(crate) fn told(context: &Context) -> String {
    let given = |names: [&str; 2]| {
        let values = names
            .iter()
            .filter_map(|name| context.environment.get(*name));
        values
            .map(|value| value.trim())
            .find(|value| !value.is_empty())
            .map(str::to_owned)
    };
    let root = Path::new("/");
    sentence(
        given(["USER", "USERNAME"]).or_else(|| user(root, uid())),
        given(["HOSTNAME", "COMPUTERNAME"]).or_else(|| machine(root)),
        std::process::id(),
    )
}

fn sentence(user: Option<String>, machine: Option<String>, process: u32) -> String {
    let user = user.unwrap_or_else(|| "an unknown user".to_owned());
    let machine = machine.unwrap_or_else(|| "a machine that does not tell its name".to_owned());
    format!("{user} on {machine}, process {process}")
}

/// The number of the user this process runs as. `/proc/self` is the process, and belongs to whom it runs as (proc(5)).
#[cfg(unix)]
fn uid() -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self")
        .ok()
        .map(|facts| facts.uid())
}

#[cfg(not(unix))]
fn uid() -> Option<u32> {
    None
}

/// The user's name in the system's list (passwd(5)), else the number alone: containers often run as numbers.
fn user(root: &Path, uid: Option<u32>) -> Option<String> {
    let uid = uid?;
    let list = std::fs::read(root.join("etc/passwd")).unwrap_or_default();
    let list = String::from_utf8_lossy(&list);
    let name = list.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let number: u32 = fields.nth(1)?.parse().ok()?;
        (number == uid && !name.is_empty()).then_some(name)
    });
    Some(match name {
        Some(name) => name.to_owned(),
        None => format!("user {uid}"),
    })
}

fn machine(root: &Path) -> Option<String> {
    NAMES.iter().find_map(|name| {
        let text = std::fs::read_to_string(root.join(name)).ok()?;
        let name = text
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty() && !line.starts_with('#') && *line != "(none)")?;
        Some(name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_what_the_environment_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        assert_eq!(machine(root), None);
        assert_eq!(user(root, Some(1001)).as_deref(), Some("user 1001"));
        assert_eq!(user(root, None), None);
        std::fs::create_dir_all(root.join("etc")).unwrap();
        std::fs::write(root.join("etc/hostname"), "# set by hand\nrunner-7\n").unwrap();
        std::fs::write(
            root.join("etc/passwd"),
            "root:x:0:0:root:/root:/bin/sh\nbroken\ndeploy:x:1001:1001::/srv:/bin/false\n",
        )
        .unwrap();
        assert_eq!(machine(root).as_deref(), Some("runner-7"));
        assert_eq!(user(root, Some(1001)).as_deref(), Some("deploy"));
        assert_eq!(user(root, Some(1002)).as_deref(), Some("user 1002"));
    }

    #[test]
    fn what_nobody_tells_is_said_to_be_unknown() {
        assert_eq!(
            sentence(None, None, 7),
            "an unknown user on a machine that does not tell its name, process 7"
        );
        assert_eq!(
            sentence(Some("deploy".to_owned()), Some("runner-7".to_owned()), 7),
            "deploy on runner-7, process 7"
        );
    }
}
