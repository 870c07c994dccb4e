//! `halosync login` and `halosync logout`: a person lets halosync in, once, and the login is kept for later runs.
//!
//! Invariants: nothing listens but on loopback; no token, code or verifier is printed or passed as an argument; the
//! browser is started without a shell.

mod browser;
mod listener;
mod page;

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use self::listener::Listener;
use super::args::{Login, Logout};
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::project::{self, Project};
use super::resolve::Resolver;
use crate::config::{Document, diagnostic, kinds};
use crate::connector::rest::{self, Begun, LoginFailure, TokenFacts};
use crate::render;

/// Longest address that is taken from standard input.
const LONGEST_PASTE: u64 = 64 * 1024;

/// Runs `login`.
pub(crate) async fn run(context: &Context, verb: &Login) -> Result<Exit, Failure> {
    let project = project::load(context, &verb.project)?;
    let source = find(&project, &verb.source)?;
    let oauth2 = oauth2(source)?;
    let login = oauth2.grant == kinds::Grant::AuthorizationCode;
    if !login && !verb.check {
        return Err(Failure::new(
            Exit::Usage,
            format!(
                "{} is not logged in to: its grant needs nobody",
                source.name
            ),
        )
        .help(
            "try it with --check, or set `grant: authorizationCode`; see docs/authorisation.md",
        ));
    }
    let settings = settings(context, &project, source)?;
    if verb.check {
        let facts = rest::try_authorisation(settings).await?;
        let how = if login {
            "the login of"
        } else {
            "authorisation to"
        };
        context
            .printer
            .result(&format!("{how} {} works\n{}", source.name, told(&facts)))?;
        return Ok(Exit::Success);
    }
    let login = rest::Login::new(settings)?;
    let facts = if verb.paste {
        by_hand(context, verb, &login).await?
    } else {
        by_browser(context, verb, &login).await?
    };
    context.printer.result(&format!(
        "logged in to {}\n{}refresh token: kept in {}; every run replaces it\n",
        source.name,
        told(&facts),
        render::plain(&login.place()),
    ))?;
    Ok(Exit::Success)
}

/// Runs `logout`.
pub(crate) async fn logout(context: &Context, verb: &Logout) -> Result<Exit, Failure> {
    let project = project::load(context, &verb.project)?;
    let source = find(&project, &verb.source)?;
    let oauth2 = oauth2(source)?;
    if oauth2.token_store.is_none() {
        return Err(Failure::new(
            Exit::Usage,
            format!("{} keeps no login", source.name),
        ));
    }
    let settings = settings(context, &project, source)?;
    let rest::Authorisation::OAuth(oauth) = settings.authorisation else {
        return Err(Failure::new(Exit::Usage, "there is no login"));
    };
    let rest::Grant::Refresh { store, .. } = oauth.grant else {
        return Err(Failure::new(Exit::Usage, "there is no login"));
    };
    let place = store.place();
    let gone = tokio::task::spawn_blocking(move || {
        let _alone = store.lock()?;
        store.delete()
    })
    .await
    .map_err(|error| Failure::new(Exit::Unexpected, error.to_string()))?
    .map_err(|error| {
        let exit = match error {
            rest::StoreError::Misplaced(_) => Exit::InvalidConfiguration,
            rest::StoreError::Denied(_) => Exit::Denied,
            rest::StoreError::Broken(_) => Exit::Unavailable,
        };
        Failure::new(exit, error.to_string())
    })?;
    let place = render::plain(&place);
    context.printer.result(&if gone {
        format!(
            "the login of {} is deleted from {place}\nIt stays good with the server until it ends there: to withdraw it, \
             revoke the application's access there.\n",
            source.name
        )
    } else {
        format!("there is no login of {} in {place}\n", source.name)
    })?;
    Ok(Exit::Success)
}

fn find<'a>(project: &'a Project, name: &str) -> Result<&'a Document<kinds::Source>, Failure> {
    let sources = &project.config.sources;
    sources
        .values()
        .find(|source| source.name.as_str() == name)
        .ok_or_else(|| {
            let known = sources.keys().map(|name| name.as_str());
            let failure = Failure::new(Exit::Usage, format!("there is no source {name:?}"));
            match diagnostic::did_you_mean(name, known.clone()) {
                Some(help) => failure.help(help),
                None => failure.help(format!(
                    "sources here: {}",
                    known.collect::<Vec<_>>().join(", ")
                )),
            }
        })
}

fn oauth2(source: &Document<kinds::Source>) -> Result<&kinds::OAuth2, Failure> {
    match &source.spec.auth {
        kinds::Auth::Oauth2(oauth2) => Ok(oauth2),
        _ => Err(Failure::new(
            Exit::Usage,
            format!(
                "{} does not use OAuth 2.0, so there is no login",
                source.name
            ),
        )),
    }
}

fn settings(
    context: &Context,
    project: &Project,
    source: &Document<kinds::Source>,
) -> Result<rest::Settings, Failure> {
    let mut resolver = Resolver::new(&context.environment, &project.root);
    let settings = resolver.source(source, context.clock.clone());
    resolver.finish()?;
    settings
        .ok_or_else(|| Failure::new(Exit::InvalidConfiguration, "the source cannot be resolved"))
}

/// With a browser on this machine.
async fn by_browser(
    context: &Context,
    verb: &Login,
    login: &rest::Login,
) -> Result<TokenFacts, Failure> {
    let mut listener = Listener::open(login.callback_url()).await?;
    let begun = login.begin(listener.callback_url().clone()).await?;
    let shown = browser::show(context, &begun.url, verb.no_browser).await;
    context.printer.note(&format!(
        "{shown}\nWaiting for the browser to come back to {}, up to {} s.",
        begun.callback_url(),
        verb.timeout
    ));
    let waiting = listener.answer();
    let answer = tokio::time::timeout(Duration::from_secs(verb.timeout), waiting)
        .await
        .map_err(|_| {
            Failure::new(
                Exit::Unavailable,
                format!("nobody logged in within {} s; nothing was stored", verb.timeout),
            )
            .help("try again, with a longer --timeout if need be, or with --paste from another machine")
        })??;
    let outcome = finish(login, &begun, &answer.url).await;
    answer.reply(match &outcome {
        Ok(_) => page::done(),
        Err(failure) => page::failed(&failure.messages.join(" ")),
    });
    listener.close().await;
    outcome
}

/// With a browser elsewhere: whoever logs in brings the address back.
async fn by_hand(
    context: &Context,
    verb: &Login,
    login: &rest::Login,
) -> Result<TokenFacts, Failure> {
    let callback = login.callback_url().clone();
    if callback.port() == Some(0) {
        return Err(Failure::new(
            Exit::Usage,
            "--paste needs a callbackUrl with a port of its own, not 0",
        ));
    }
    let begun = login.begin(callback).await?;
    browser::print(context, &begun.url);
    context.printer.complain(
        "Log in there. The browser then goes to an address that may not open; copy the whole of it from the address \
         bar and paste it here:",
    );
    let wait = Duration::from_secs(verb.timeout);
    let line = tokio::time::timeout(wait, pasted())
        .await
        .ok()
        .flatten()
        .ok_or_else(|| {
            Failure::new(
                Exit::Usage,
                "no address was pasted; nothing was stored".to_owned(),
            )
        })?;
    // Not shown: it holds the code.
    let answer = Url::parse(line.trim()).map_err(|_| {
        Failure::new(
            Exit::Usage,
            "what was pasted is no address; nothing was stored",
        )
        .help("copy everything in the browser's address bar, from `http` on")
    })?;
    finish(login, &begun, &answer).await
}

/// The first line of standard input with something in it. Read by a thread nobody waits for: it may never end.
async fn pasted() -> Option<String> {
    let (send, line) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let input = std::io::Read::take(std::io::stdin(), LONGEST_PASTE);
        let found = std::io::BufRead::lines(std::io::BufReader::new(input))
            .map_while(Result::ok)
            .find(|line| !line.trim().is_empty());
        let _ = send.send(found);
    });
    line.await.ok().flatten()
}

async fn finish(login: &rest::Login, begun: &Begun, answer: &Url) -> Result<TokenFacts, Failure> {
    let code: SecretString = begun.code(answer).map_err(|failure| {
        let exit = match failure {
            // Somebody pasted another address: a browser comes back to ours only.
            LoginFailure::Elsewhere(_) => Exit::Usage,
            LoginFailure::Empty => Exit::Unavailable,
            LoginFailure::WrongState | LoginFailure::Repeated(_) | LoginFailure::Refused { .. } => {
                Exit::Denied
            }
        };
        Failure::new(exit, failure.to_string())
    })?;
    Ok(login.finish(begun, &code).await?)
}

/// What is known of a token, one line each.
fn told(facts: &TokenFacts) -> String {
    let list = |scopes: &[String]| match scopes {
        [] => "none".to_owned(),
        scopes => render::plain(&scopes.join(", ")),
    };
    let granted = facts.granted.as_ref().or(facts.claimed.as_ref());
    let mut text = match granted {
        Some(granted) => format!("scopes granted: {}\n", list(granted)),
        None if facts.asked.is_empty() => "scopes granted: the server does not say\n".to_owned(),
        None => format!("scopes granted: {} (as asked for)\n", list(&facts.asked)),
    };
    if let Some(granted) = granted {
        let without = |these: &[String], those: &[String]| -> Vec<String> {
            these
                .iter()
                .filter(|scope| !those.contains(scope))
                .cloned()
                .collect()
        };
        let missing = without(&facts.asked, granted);
        let more = without(granted, &facts.asked);
        if !missing.is_empty() {
            text.push_str(&format!("scopes not granted: {}\n", list(&missing)));
        }
        if !more.is_empty() && !facts.asked.is_empty() {
            text.push_str(&format!("more than asked for: {}\n", list(&more)));
        }
    }
    text.push_str(&match facts.life {
        Some(life) if life >= Duration::from_secs(120) => {
            format!("access token: good for {} min\n", life.as_secs() / 60)
        }
        Some(life) => format!("access token: good for {} s\n", life.as_secs()),
        None => "access token: the server does not say how long it is good\n".to_owned(),
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_compared_with_those_asked_for() {
        let facts = |granted: Option<&[&str]>| TokenFacts {
            life: Some(Duration::from_secs(3600)),
            asked: vec!["a".to_owned(), "b".to_owned()],
            claimed: None,
            granted: granted.map(|scopes| scopes.iter().map(|s| (*s).to_owned()).collect()),
        };
        assert_eq!(
            told(&facts(Some(&["b", "c\u{1b}[31m"]))),
            "scopes granted: b, c\\u{1b}[31m\nscopes not granted: a\nmore than asked for: c\\u{1b}[31m\naccess token: good for 60 min\n"
        );
        assert_eq!(
            told(&facts(None)),
            "scopes granted: a, b (as asked for)\naccess token: good for 60 min\n"
        );
    }
}
