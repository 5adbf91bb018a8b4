//! Descriptions are Markdown of somebody else: they are read as rustdoc reads it, and written again so that it shows the same,
//! runs none of it as a test, and finds nothing to warn of.

use std::iter::Peekable;

use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag, TextMergeStream};

use super::invisible::{is_invisible, visible};
use super::text::{Place, code, longest_run, plain};

/// What lies deeper is written as the plain text that it is.
const DEEPEST: usize = 16;

/// A description as Markdown for rustdoc.
pub(super) fn rendered(description: &str) -> String {
    let source: Vec<String> = description.split('\t').map(visible).collect();
    let source = source.join("\t");
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let events = TextMergeStream::new(Parser::new_ext(&source, options));
    let mut writer = Writer { events: events.peekable(), depth: 0, is_too_deep: false, place: Place::default() };
    let text = writer.blocks();
    if writer.is_too_deep || text.is_empty() { as_plain_text(&source) } else { text }
}

/// What is no Markdown to speak of: line by line, as it is.
fn as_plain_text(source: &str) -> String {
    let lines = source.lines().map(|line| plain(line.trim(), Place { begins_line: true, ..Place::default() }));
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

struct Writer<'a, I: Iterator<Item = Event<'a>>> {
    events: Peekable<I>,
    depth: usize,
    is_too_deep: bool,
    place: Place,
}

/// A block, and what must be known of it where the next one is written.
struct Block {
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A text without a paragraph around it, in a list whose items stand close together.
    Bare,
    /// A list, with its mark.
    List(char),
    Other,
}

impl<'a, I: Iterator<Item = Event<'a>>> Writer<'a, I> {
    /// The blocks up to the end of what they stand in.
    fn blocks(&mut self) -> String {
        self.depth += 1;
        self.is_too_deep |= self.depth > DEEPEST;
        let mut text = String::new();
        let mut before = None;
        while let Some(block) = self.block(before) {
            if block.text.is_empty() {
                continue;
            }
            if let Some(before) = before {
                let is_close = before == Kind::Bare && matches!(block.kind, Kind::List(_));
                text.push_str(if is_close { "\n" } else { "\n\n" });
            }
            text.push_str(&block.text);
            before = Some(block.kind);
        }
        self.depth -= 1;
        text
    }

    /// The next block; `None` at the end of what it would stand in.
    fn block(&mut self, before: Option<Kind>) -> Option<Block> {
        if !matches!(self.events.peek()?, Event::Start(tag) if is_block(tag)) {
            return match self.events.peek()? {
                Event::End(_) => {
                    self.events.next();
                    None
                }
                Event::Rule => {
                    self.events.next();
                    Some(Block { text: "***".to_owned(), kind: Kind::Other })
                }
                _ => Some(Block { text: self.inlines(), kind: Kind::Bare }),
            };
        }
        let Event::Start(tag) = self.events.next()? else { return None };
        let mut kind = Kind::Other;
        let text = match tag {
            Tag::Heading { level, .. } => {
                let text = self.closed_inlines().replace("\\\n", " ").replace('\n', " ");
                if text.is_empty() { text } else { format!("{} {text}", "#".repeat(level as usize)) }
            }
            Tag::BlockQuote(_) => prefixed(&self.blocks(), "> ", "> "),
            Tag::CodeBlock(of) => self.code_block(&of),
            Tag::HtmlBlock => self.html(),
            Tag::List(first) => {
                // Two lists next to each other are two, if their marks differ.
                let marks = if first.is_some() { ['.', ')'] } else { ['-', '*'] };
                let mark = if before == Some(Kind::List(marks[0])) { marks[1] } else { marks[0] };
                kind = Kind::List(mark);
                self.list(first, mark)
            }
            Tag::Table(columns) => self.table(columns.len()),
            _ => self.closed_inlines(),
        };
        Some(Block { text, kind })
    }

    fn list(&mut self, first: Option<u64>, mark: char) -> String {
        let mut items = Vec::new();
        let mut is_loose = false;
        while let Some(Event::Start(_)) = self.events.next() {
            is_loose |= matches!(self.events.peek(), Some(Event::Start(Tag::Paragraph)));
            let number = first.map(|first| first.saturating_add(items.len() as u64));
            let mark = number.map_or_else(|| format!("{mark} "), |number| format!("{number}{mark} "));
            let text = self.blocks();
            items.push(prefixed(&text, &mark, &" ".repeat(mark.len())));
        }
        items.join(if is_loose { "\n\n" } else { "\n" })
    }

    /// A block of code that is no test, whatever it says of itself.
    fn code_block(&mut self, kind: &CodeBlockKind<'_>) -> String {
        let mut content = String::new();
        for event in self.events.by_ref() {
            match event {
                Event::Text(text) => content.push_str(&text),
                Event::End(_) => break,
                _ => {}
            }
        }
        let content: Vec<String> =
            content.trim_end().lines().map(|line| visible(&line.replace('\t', "    "))).collect();
        let content = content.join("\n");
        let fence = "`".repeat(longest_run(&content, '`').max(2) + 1);
        let language = match kind {
            CodeBlockKind::Fenced(info) => language(info),
            CodeBlockKind::Indented => "text",
        };
        format!("{fence}{language}\n{content}\n{fence}")
    }

    /// HTML is shown as what it is; a comment was not meant to be seen.
    fn html(&mut self) -> String {
        let mut html = String::new();
        for event in self.events.by_ref() {
            match event {
                Event::Html(text) | Event::Text(text) => html.push_str(&text),
                Event::End(_) => break,
                _ => {}
            }
        }
        if html.trim_start().starts_with("<!--") && html.trim_end().ends_with("-->") {
            return String::new();
        }
        as_plain_text(&html)
    }

    fn table(&mut self, columns: usize) -> String {
        self.place.in_cell = true;
        let mut rows: Vec<String> = Vec::new();
        let mut cells = String::new();
        let mut open = 1;
        while open > 0
            && let Some(event) = self.events.next()
        {
            match event {
                Event::Start(Tag::TableCell) => cells.push_str(&format!(" {} |", self.closed_inlines())),
                Event::Start(_) => open += 1,
                Event::End(_) => {
                    open -= 1;
                    if open == 1 {
                        rows.push(format!("|{}", std::mem::take(&mut cells)));
                    }
                }
                _ => {}
            }
        }
        self.place.in_cell = false;
        rows.insert(rows.len().min(1), format!("|{}", " --- |".repeat(columns)));
        rows.join("\n")
    }

    /// The text up to the end of its block, which is taken, too.
    fn closed_inlines(&mut self) -> String {
        let text = self.inlines();
        self.events.next();
        text
    }

    /// The text up to the next block, or to the end of what it stands in.
    fn inlines(&mut self) -> String {
        let mut text = String::new();
        while let Some(event) = self.events.next_if(|event| {
            !matches!(event, Event::End(_) | Event::Rule) && !matches!(event, Event::Start(tag) if is_block(tag))
        }) {
            let begins_line = !self.place.in_link && (text.is_empty() || text.ends_with('\n'));
            match event {
                Event::Text(part) | Event::InlineMath(part) | Event::DisplayMath(part) => {
                    text.push_str(&plain(&part, Place { begins_line, ..self.place }));
                }
                Event::Code(part) if self.place.in_cell => text.push_str(&code(&part).replace('|', "\\|")),
                Event::Code(part) => text.push_str(&code(&part)),
                Event::InlineHtml(html) | Event::Html(html) => match &*html {
                    "<br>" | "<br/>" | "<br />" if !self.place.in_cell => text.push_str("\\\n"),
                    html if html.starts_with("<!--") => {}
                    html => text.push_str(&plain(html, Place { begins_line, ..self.place })),
                },
                Event::SoftBreak => text.push('\n'),
                Event::HardBreak => text.push_str("\\\n"),
                Event::TaskListMarker(done) => text.push_str(if done { "[x] " } else { "[ ] " }),
                Event::Start(Tag::Link { link_type, dest_url, .. }) => {
                    let link = self.link(link_type, &dest_url);
                    text.push_str(&link);
                }
                Event::Start(Tag::Image { link_type, dest_url, .. }) => {
                    let link = self.link(link_type, &dest_url);
                    text.push_str(&link);
                }
                Event::Start(tag) => {
                    let mark = match tag {
                        Tag::Emphasis => "*",
                        Tag::Strong => "**",
                        Tag::Strikethrough => "~~",
                        _ => "",
                    };
                    let inner = self.closed_inlines();
                    text.push_str(&format!("{mark}{inner}{mark}"));
                }
                _ => {}
            }
        }
        // A break at the end breaks nothing.
        text.trim_end_matches(['\n', ' ']).trim_end_matches("\\\n").to_owned()
    }

    /// A link into the web stays one. What else it leads to, rustdoc would take for an item of Rust, or for a file of its own.
    fn link(&mut self, kind: LinkType, to: &str) -> String {
        let outer = std::mem::replace(&mut self.place.in_link, true);
        let text = self.closed_inlines();
        self.place.in_link = outer;
        let to: String = to.chars().flat_map(percent_encoded).collect();
        let is_address = ["https://", "http://", "mailto:"].iter().any(|scheme| to.starts_with(scheme));
        match kind {
            LinkType::Email => format!("<{to}>"),
            LinkType::Autolink if is_address => format!("<{to}>"),
            _ if outer || to.is_empty() || to.starts_with('#') => text,
            _ if is_address && text.is_empty() => format!("<{to}>"),
            _ if is_address => format!("[{text}]({to})"),
            _ if text.is_empty() || text.contains(&to) => code(&to),
            _ => format!("{text} ({})", code(&to)),
        }
    }
}

fn is_block(tag: &Tag<'_>) -> bool {
    !matches!(tag, Tag::Emphasis | Tag::Strong | Tag::Strikethrough | Tag::Link { .. } | Tag::Image { .. })
}

/// The language of a block of code, unless rustdoc would take it for Rust and run it.
fn language(info: &str) -> &str {
    let first = info.split([' ', ',', '\t', '{']).next().unwrap_or_default();
    let is_word = !first.is_empty() && first.chars().all(|c| c.is_ascii_alphanumeric() || "+#-_".contains(c));
    let lower = first.to_ascii_lowercase();
    let of_rustdoc =
        ["rust", "should_panic", "no_run", "ignore", "compile_fail", "test_harness", "standalone", "custom", "edition"];
    let is_error_code = lower.starts_with('e') && lower[1..].chars().all(|c| c.is_ascii_digit());
    let is_rust = of_rustdoc.iter().any(|word| lower.replace('-', "_").starts_with(word)) || is_error_code;
    if is_word && !is_rust { first } else { "text" }
}

/// A text with something before its first line, and something before all others.
fn prefixed(text: &str, first: &str, others: &str) -> String {
    let prefix =
        |(at, line): (usize, &str)| format!("{}{line}", if at == 0 { first } else { others }).trim_end().to_owned();
    if text.is_empty() {
        return first.trim_end().to_owned();
    }
    text.lines().enumerate().map(prefix).collect::<Vec<_>>().join("\n")
}

/// A character of an address, where it would end it.
fn percent_encoded(c: char) -> Vec<char> {
    if c.is_whitespace() || is_invisible(c) || matches!(c, '<' | '>' | '(' | ')' | '\\' | '`' | '|') {
        let mut bytes = [0; 4];
        c.encode_utf8(&mut bytes).bytes().flat_map(|byte| format!("%{byte:02X}").chars().collect::<Vec<_>>()).collect()
    } else {
        vec![c]
    }
}
