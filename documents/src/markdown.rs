//! Descriptions are Markdown of somebody else: what is HTML in them is shown and never run, and links lead to pages or out of the site.

use pulldown_cmark::{CowStr, Event, LinkType, Options, Parser, Tag, TagEnd, TextMergeStream, html};

/// What a link of a description leads to.
pub(crate) enum Link {
    /// This address.
    To(String),
    /// Nothing: its text is shown alone.
    Nowhere,
}

/// A description as HTML. `resolve` says where the links lead that are no addresses of their own.
pub(crate) fn html(source: &str, mut resolve: impl FnMut(&str) -> Link) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    // Whether each link that is open is shown as one.
    let mut shown = Vec::new();
    let mut events = Vec::new();
    for event in TextMergeStream::new(Parser::new_ext(source, options)) {
        match event {
            Event::Html(text) | Event::InlineHtml(text) => events.push(Event::Text(text)),
            Event::Start(Tag::HtmlBlock) => events.push(Event::Start(Tag::Paragraph)),
            Event::End(TagEnd::HtmlBlock) => events.push(Event::End(TagEnd::Paragraph)),
            // The page has headings of its own.
            Event::Start(Tag::Heading { .. }) => {
                events.extend([Event::Start(Tag::Paragraph), Event::Start(Tag::Strong)])
            }
            Event::End(TagEnd::Heading(_)) => {
                events.extend([Event::End(TagEnd::Strong), Event::End(TagEnd::Paragraph)])
            }
            // A picture would be fetched from somewhere: its text stands for it.
            Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => {}
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let to = match link_type {
                    // The writer puts `mailto:` before it.
                    LinkType::Email => Link::To(dest_url.to_string()),
                    _ if is_address(&dest_url) => Link::To(dest_url.to_string()),
                    _ => resolve(&dest_url),
                };
                shown.push(matches!(to, Link::To(_)));
                if let Link::To(to) = to {
                    events.push(Event::Start(Tag::Link { link_type, dest_url: CowStr::from(to), title, id }));
                }
            }
            Event::End(TagEnd::Link) => {
                if shown.pop() == Some(true) {
                    events.push(Event::End(TagEnd::Link));
                }
            }
            other => events.push(other),
        }
    }
    let mut out = String::new();
    html::push_html(&mut out, events.into_iter());
    out
}

/// The first sentence of a description, as plain text.
pub(crate) fn summary(source: &str) -> String {
    let mut text = String::new();
    for event in Parser::new(source) {
        match event {
            Event::Text(part) | Event::Code(part) | Event::Html(part) | Event::InlineHtml(part) => text.push_str(&part),
            Event::SoftBreak | Event::HardBreak => text.push(' '),
            Event::End(TagEnd::Paragraph | TagEnd::Heading(_)) => break,
            _ => {}
        }
    }
    let end = text.find(". ").map_or(text.len(), |at| at + 1);
    text[..end].trim().to_owned()
}

/// Whether a link leads out of the site, and runs nothing.
fn is_address(url: &str) -> bool {
    let url = url.trim_start().to_ascii_lowercase();
    ["https://", "http://", "mailto:"].iter().any(|scheme| url.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_description_runs() {
        let hostile = "<script>alert(1)</script>\n\n# <img src=x onerror=alert(1)>\n\n[a](javascript:alert(1)) [b](data:text/html,x) \
                       ![c](https://example.com/spy.png) <b onclick=alert(1)>d</b> [e](https://example.com \"x\\\" onload=\\\"alert(1)\")";

        let shown = html(hostile, |_| Link::Nowhere);
        assert!(html("<ops@example.com>", |_| Link::Nowhere).contains("href=\"mailto:ops@example.com\""));

        for bad in ["<script", "<img", "<b ", "javascript:", "data:", "<h1", "\" onload"] {
            assert!(!shown.contains(bad), "{bad}: {shown}");
        }
        assert!(shown.contains("&lt;script&gt;") && shown.contains("href=\"https://example.com\""), "{shown}");
    }

    #[test]
    fn a_summary_is_one_sentence_without_marks() {
        assert_eq!(summary("A *rule* was `created`. Published by x.\n\nMore."), "A rule was created.");
    }
}
