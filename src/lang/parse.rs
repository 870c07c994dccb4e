//! From text to minijinja's syntax tree, within bounds.
//!
//! The parser recurses over nested brackets, chains of `not` and `elif`, so what it is given is counted first:
//! a text from a hostile pull request must not exhaust the stack.

use std::ops::Range;

use minijinja::machinery::{Token, Tokenizer, ast};
use minijinja::syntax::SyntaxConfig;

use super::LangError;

const LONGEST_TEXT: usize = 16_384;
const MOST_TOKENS: usize = 2_000;
const MOST_TOKENS_AT_ONCE: usize = 400;
const MOST_BRACKETS: usize = 24;
const MOST_CONDITIONS: usize = 48;
/// The way out of all of them.
const SPLIT: &str = "split it: let the source compute a part of it as a field of its own, or move the decision into a lookup table";

pub(super) fn template(text: &str) -> Result<ast::Stmt<'_>, LangError> {
    count(text, false)?;
    minijinja::machinery::parse(text, "template", SyntaxConfig::default())
        .map_err(|error| syntax_error(text, &error))
}

pub(super) fn expression(text: &str) -> Result<ast::Expr<'_>, LangError> {
    let trimmed = text.trim_start();
    if trimmed.starts_with("{{") || trimmed.starts_with("{%") {
        return Err(LangError {
            code: "language-syntax",
            message: "a condition or expression stands without braces".to_owned(),
            help: Some("leave out `{{` and `}}`".to_owned()),
            range: 0..text.len(),
        });
    }
    if trimmed.is_empty() {
        return Err(LangError {
            code: "language-syntax",
            message: "there is nothing here".to_owned(),
            help: Some("write an expression, or leave the key out".to_owned()),
            range: 0..text.len(),
        });
    }
    count(text, true)?;
    minijinja::machinery::parse_expr(text).map_err(|error| syntax_error(text, &error))
}

/// Refuses texts too long or too deep to be parsed safely.
fn count(text: &str, in_expression: bool) -> Result<(), LangError> {
    let too_long = |message: String, range: Range<usize>| LangError {
        code: "language-too-long",
        message,
        help: Some(SPLIT.to_owned()),
        range: within(text, range),
    };
    if text.len() > LONGEST_TEXT {
        let message = format!(
            "this has {} bytes, and {LONGEST_TEXT} is the most",
            text.len()
        );
        return Err(too_long(message, 0..text.len()));
    }
    let mut tokenizer = Tokenizer::new(text, "template", in_expression, SyntaxConfig::default());
    let (mut total, mut at_once, mut brackets, mut conditions) = (0, 0, 0_usize, 0);
    loop {
        let (token, span) = match tokenizer.next_token() {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(()),
            Err(error) => return Err(syntax_error(text, &error)),
        };
        let range = span.start_offset as usize..span.end_offset as usize;
        total += 1;
        at_once += 1;
        match token {
            Token::BlockStart | Token::VariableStart => at_once = 0,
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => brackets += 1,
            Token::ParenClose | Token::BracketClose | Token::BraceClose => {
                brackets = brackets.saturating_sub(1);
            }
            Token::Ident("if" | "elif") => conditions += 1,
            _ => {}
        }
        let exceeded = if total > MOST_TOKENS {
            format!("this is too long: more than {MOST_TOKENS} names, values and signs")
        } else if at_once > MOST_TOKENS_AT_ONCE {
            format!(
                "this is too long: more than {MOST_TOKENS_AT_ONCE} names, values and signs in one expression"
            )
        } else if brackets > MOST_BRACKETS {
            format!("this is nested too deeply: more than {MOST_BRACKETS} brackets are open here")
        } else if conditions > MOST_CONDITIONS {
            format!("this is too long: more than {MOST_CONDITIONS} conditions")
        } else {
            continue;
        };
        return Err(too_long(exceeded, range));
    }
}

fn syntax_error(text: &str, error: &minijinja::Error) -> LangError {
    let message = error.detail().unwrap_or("this cannot be read").to_owned();
    let range = error.range().unwrap_or(0..text.len());
    // The parser has a bound of its own for what is nested without brackets.
    if message.starts_with("template exceeds") {
        return LangError {
            code: "language-too-long",
            message: "this is nested too deeply".to_owned(),
            help: Some(SPLIT.to_owned()),
            range: within(text, range),
        };
    }
    LangError {
        code: "language-syntax",
        help: Some(way_out(text, &message, &range).to_owned()),
        message,
        range: within(text, range),
    }
}

/// What is most often behind a text that cannot be read.
fn way_out(text: &str, message: &str, range: &Range<usize>) -> &'static str {
    let count = |mark: &str| text.matches(mark).count();
    let before = text.get(..range.start).unwrap_or(text).trim_end();
    if message.contains("end of string") || count("'") % 2 == 1 || count("\"") % 2 == 1 {
        "close the quotes: a text ends with the quote it begins with; a quote within it is written `\\'`"
    } else if before.ends_with('|') {
        "name a filter after `|`, as in `person.surname | lower`, or leave the `|` out"
    } else if count("{{") != count("}}") {
        "end each `{{` with `}}`"
    } else if count("{%") != count("%}") {
        "end each `{%` with `%}`"
    } else if count("(") != count(")") || count("[") != count("]") {
        "close each bracket that is opened"
    } else if text.contains("{%") && message.contains("end of input") {
        "end each `{% if … %}` with `{% endif %}`"
    } else if message.contains("end of input") {
        "something is missing at its end: write what follows the operator, or leave the operator out"
    } else {
        "between braces, and in conditions, stand fields such as `person.surname`, texts in quotes, numbers, operators, \
         and filters after `|`"
    }
}

/// The range cut to the text and widened to whole characters; never empty unless the text is.
pub(super) fn within(text: &str, range: Range<usize>) -> Range<usize> {
    let mut start = range.start.min(text.len());
    let mut end = range.end.clamp(start, text.len());
    if start == end {
        if end < text.len() {
            end += 1;
        } else {
            start = start.saturating_sub(1);
        }
    }
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}
