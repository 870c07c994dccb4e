//! What the browser shows at the end. No script, nothing loaded from anywhere, everything escaped.

/// A page and the status it comes with.
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) html: String,
}

/// The login is kept.
pub(super) fn done() -> Page {
    page(
        200,
        "Logged in",
        "halosync keeps this login for its later runs. You can close this window.",
    )
}

/// It came to nothing.
pub(super) fn failed(why: &str) -> Page {
    page(400, "Not logged in", why)
}

/// Not the callback address.
pub(super) fn not_found() -> Page {
    page(
        404,
        "Nothing here",
        "halosync waits for a login at another address.",
    )
}

fn page(status: u16, title: &str, text: &str) -> Page {
    let (title, text) = (escaped(title), escaped(text));
    Page {
        status,
        html: format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title} - halosync</title>\n\
             <style>body{{font:1.1rem/1.6 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem}}\
             @media (prefers-color-scheme:dark){{body{{background:#111;color:#eee}}}}</style>\n</head>\n\
             <body>\n<h1>{title}</h1>\n<p>{text}</p>\n</body>\n</html>\n"
        ),
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_server_says_becomes_markup() {
        let html = failed("<script>alert('x')</script> & \"y\"\u{7}").html;
        assert!(!html.contains("<script"), "{html}");
        assert!(
            html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;y&quot; ")
        );
    }
}
