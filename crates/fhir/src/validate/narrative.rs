//! Narratives (`xhtml`): what a browser may be shown of a record (FHIR R4 §2.4.0, txt-1).
//!
//! An empty narrative is let pass, against txt-2: some of HL7's own examples have one, and it does no harm.

/// Elements of a narrative. What loads, runs or asks for something (`script`, `object`, `form`, …) is none.
const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "acronym",
    "address",
    "b",
    "bdo",
    "big",
    "blockquote",
    "br",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "dfn",
    "dir",
    "div",
    "dl",
    "dt",
    "em",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "menu",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
];

/// What is wrong with a narrative, if anything is.
pub(super) fn problem(text: &str) -> Option<&'static str> {
    let text = text.trim();
    let begins =
        text.strip_prefix("<div").is_some_and(|rest| rest.starts_with([' ', '\t', '\r', '\n', '>', '/']));
    let ends = text.ends_with("</div>") || text.ends_with("/>");
    if !begins || !ends {
        return Some("expected XHTML within one <div>");
    }
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        let markup = match Markup::read(after) {
            Ok((markup, remaining)) => {
                rest = remaining;
                markup
            }
            Err(problem) => return Some(problem),
        };
        match markup {
            Markup::Comment => {}
            Markup::Open { name, is_empty } => {
                if !is_empty {
                    open.push(name);
                }
            }
            Markup::Close(name) => {
                if open.pop() != Some(name) {
                    return Some("expected each XHTML element to be closed where it was opened");
                }
                if open.is_empty() && !rest.is_empty() {
                    return Some("expected XHTML within one <div>");
                }
            }
        }
    }
    if !open.is_empty() {
        return Some("expected each XHTML element to be closed where it was opened");
    }
    None
}

enum Markup<'a> {
    Comment,
    Open { name: &'a str, is_empty: bool },
    Close(&'a str),
}

impl<'a> Markup<'a> {
    /// Reads what follows a `<`; gives what follows its `>`.
    fn read(text: &'a str) -> Result<(Self, &'a str), &'static str> {
        const UNFINISHED: &str = "expected XHTML in which every < begins an element (write &lt; otherwise)";
        if let Some(comment) = text.strip_prefix("!--") {
            let (_, rest) = comment.split_once("-->").ok_or(UNFINISHED)?;
            return Ok((Self::Comment, rest));
        }
        let (tag, rest) = split_tag(text).ok_or(UNFINISHED)?;
        let is_name = |letter: char| letter.is_ascii_alphanumeric();
        if let Some(closing) = tag.strip_prefix('/') {
            return Ok((Self::Close(closing.trim_end()), rest));
        }
        let (tag, is_empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let name_end = tag.find(|letter| !is_name(letter)).unwrap_or(tag.len());
        let (name, attributes) = tag.split_at(name_end);
        if !ELEMENTS.contains(&name) {
            return Err(
                "txt-1: a narrative has only the elements of basic formatting: no script, form, style or frame",
            );
        }
        check_attributes(attributes)?;
        Ok((Self::Open { name, is_empty }, rest))
    }
}

/// The text of a tag up to its `>`, which may also stand in the value of an attribute.
fn split_tag(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    for (position, byte) in text.bytes().enumerate() {
        match (byte, quote) {
            (b'>', None) => return Some((&text[..position], &text[position + 1..])),
            (b'"' | b'\'', None) => quote = Some(byte),
            (_, Some(opened)) if byte == opened => quote = None,
            _ => {}
        }
    }
    None
}

fn check_attributes(attributes: &str) -> Result<(), &'static str> {
    let mut rest = attributes.trim();
    while !rest.is_empty() {
        let malformed = "expected XHTML attributes as name=\"value\"";
        let (name, after) = rest.split_once('=').ok_or(malformed)?;
        let name = name.trim();
        let after = after.trim_start();
        let quote = after.chars().next().filter(|quote| matches!(quote, '"' | '\'')).ok_or(malformed)?;
        let (value, remaining) = after[1..].split_once(quote).ok_or(malformed)?;
        let is_name =
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_'));
        if name.is_empty() || !is_name {
            return Err(malformed);
        }
        if name.get(..2).is_some_and(|prefix| prefix.eq_ignore_ascii_case("on")) {
            return Err("txt-1: a narrative has no event handlers (attributes on…)");
        }
        let is_safe = match name {
            "href" | "src" | "cite" | "longdesc" | "background" => is_safe_link(name, value),
            "style" => is_safe_style(value),
            _ => true,
        };
        if !is_safe {
            return Err(
                "txt-1: a narrative has no script in an attribute, and links only to the web, mail or itself",
            );
        }
        rest = remaining.trim_start();
    }
    Ok(())
}

/// Links to the web, to mail and within the record. Named schemes only: `javascript:` can be spelt in too many
/// ways (white space, control characters, entities) to be looked for.
fn is_safe_link(attribute: &str, value: &str) -> bool {
    let head = value.split(['/', '?', '#']).next().unwrap_or_default();
    let head: String = head.chars().filter(char::is_ascii_graphic).collect();
    let Some((scheme, rest)) = head.split_once(':') else {
        return !head.contains('&');
    };
    let is_picture = attribute == "src" && scheme == "data" && rest == "image";
    is_picture
        || matches!(
            &*scheme.to_ascii_lowercase(),
            "http" | "https" | "mailto" | "tel" | "ftp" | "urn" | "cid"
        )
}

fn is_safe_style(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    !["javascript:", "expression(", "behavior:", "-moz-binding", "@import"]
        .iter()
        .any(|word| value.contains(word))
}

#[cfg(test)]
mod tests {
    use super::problem;

    #[test]
    fn basic_formatting_is_accepted() {
        for text in [
            "<div xmlns=\"http://www.w3.org/1999/xhtml\">Text</div>",
            " <div>\n<p class='x'>a &lt; b<br/><b>c</b></p><!-- <script> --><img src=\"#a\" alt=\"x > y\"/></div> ",
            "<div><a href=\"https://example.org/?a=1&amp;b=2\">link</a></div>",
        ] {
            assert_eq!(problem(text), None, "{text}");
        }
    }

    #[test]
    fn what_runs_or_breaks_out_is_refused() {
        for text in [
            "",
            "text",
            "<p>text</p>",
            "<divx>text</divx>",
            "<div>a</div><div>b</div>",
            "<div>a</div></div>",
            "<div><b>a</div></b>",
            "<div>a < b</div>",
            "<div>a<script>alert(1)</script></div>",
            "<div>a<SCRIPT>alert(1)</SCRIPT></div>",
            "<div>a<iframe src=\"x\"/></div>",
            "<div onclick=\"x()\">a</div>",
            "<div ONCLICK='x()'>a</div>",
            "<div><img src=\"x\"onerror=\"x()\"/></div>",
            "<div><img src=x onerror=x()/></div>",
            "<div><img/src=\"x\"/onerror=\"x()\"/></div>",
            "<div><a href=\"java\nscript:x()\">a</a></div>",
            "<div><a href=\" JavaScript:x()\">a</a></div>",
            "<div><a href=\"&#106;avascript:x()\">a</a></div>",
            "<div><a href=\"javascript&#58;x()\">a</a></div>",
            "<div><a href=\"javascript&colon;x()\">a</a></div>",
        ] {
            assert!(problem(text).is_some(), "{text}");
        }
    }
}
