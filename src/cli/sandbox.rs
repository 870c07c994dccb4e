//! `halosync sandbox`: keeps both simulators running and says how to reach them.

use super::args::Sandbox;
use super::context::Context;
use super::embedded::{Embedded, Population, Ports, write_project};
use super::exit::Exit;
use super::failure::Failure;
use super::own_folder::OwnFolder;

/// Marks a folder as ours to replace.
const MARKER: &str = ".halosync-sandbox";

/// Runs the command, until Ctrl-C.
pub(crate) async fn run(context: &Context, verb: &Sandbox) -> Result<Exit, Failure> {
    let dir = context.current_dir.join(&verb.dir);
    let folder = OwnFolder::open(&dir, MARKER)?;
    write_project(&dir)?;
    let population = match verb.people {
        Some(count) => Population::Invented {
            count,
            seed: verb.seed,
        },
        None => Population::Example,
    };
    let ports = Ports {
        halo: verb.halo_port,
        ldap: verb.ldap_port,
        catalog: verb.catalog_port,
    };
    let embedded = Embedded::start(context, &population, ports).await?;
    let ca = dir.join("ca.pem");
    std::fs::write(&ca, embedded.directory.ca_pem())
        .map_err(|error| Failure::file("write", &ca, &error))?;

    folder.seal()?;

    let mut lines = String::new();
    for (name, value) in embedded.environment(&ca) {
        lines.push_str(&format!("export {name}={}\n", quoted(&value)));
    }
    context
        .printer
        .note("# Both simulators run until Ctrl-C. In another terminal:");
    context.printer.result(&lines)?;
    context.printer.note(&format!(
        "cd {}\nhalosync plan",
        quoted(&dir.display().to_string())
    ));
    tokio::signal::ctrl_c().await?;
    embedded.stop().await;
    Ok(Exit::Success)
}

/// Quotes a word for a POSIX shell, where it needs it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_are_quoted_for_the_shell() {
        assert_eq!(
            quoted("https://127.0.0.1:80/api"),
            "https://127.0.0.1:80/api"
        );
        assert_eq!(quoted("it's here"), r"'it'\''s here'");
        assert_eq!(quoted(""), "''");
    }
}
