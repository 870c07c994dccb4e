//! Showing somebody the address to log in at.

use std::process::Stdio;

use url::Url;

use super::Context;

/// The programs that open an address, without a shell between.
const OPENERS: &[(&str, &[&str])] = if cfg!(target_os = "macos") {
    &[("open", &[])]
} else if cfg!(windows) {
    &[("rundll32", &["url.dll,FileProtocolHandler"])]
} else {
    &[("xdg-open", &[])]
};

/// Opens a browser, or prints the address; says which.
pub(super) async fn show(context: &Context, url: &Url, no_browser: bool) -> &'static str {
    if !no_browser && open(url).await {
        context.printer.note(&format!(
            "A browser opens to log in. If none does, open\n\n  {url}\n"
        ));
        return "Log in there.";
    }
    print(context, url);
    "Log in there, on this machine."
}

/// Prints the address. Also when quiet: without it nothing can be done.
pub(super) fn print(context: &Context, url: &Url) {
    context
        .printer
        .complain(&format!("Open this address in a browser:\n\n  {url}\n"));
}

async fn open(url: &Url) -> bool {
    for (program, arguments) in OPENERS {
        let started = tokio::process::Command::new(program)
            .args(*arguments)
            .arg(url.as_str())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        // Some openers stay until the browser ends.
        match tokio::time::timeout(std::time::Duration::from_secs(3), started).await {
            Ok(Ok(status)) if status.success() => return true,
            Err(_) => return true,
            Ok(_) => {}
        }
    }
    false
}
