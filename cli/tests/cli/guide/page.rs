//! A page of the documentation, taken apart: text, fenced blocks, and the comments that say what they are.

/// A part of a page, in order.
#[derive(Debug)]
pub(super) enum Part {
    /// A line outside of all blocks.
    Text(String),
    /// A comment that says what to do, and the block after it where it has one.
    Step(Step),
    /// A block without a comment.
    Block(Block),
}

/// What a comment says.
#[derive(Debug)]
pub(super) struct Step {
    /// `file`, `do`, `run` and so on.
    pub(super) kind: String,
    /// What stands behind the colon, or nothing.
    pub(super) argument: String,
    /// The block that it is about; those of [`ALONE`] have none.
    pub(super) block: Option<Block>,
}

/// A fenced block.
#[derive(Debug, Clone)]
pub(super) struct Block {
    /// What stands behind the opening fence: the language and more.
    pub(super) language: String,
    /// Its lines, each with its end.
    pub(super) text: String,
    /// Where it begins, counted from 1.
    pub(super) line: usize,
}

/// Comments that stand alone.
const ALONE: [&str; 2] = ["do", "server"];
const FENCE: &str = "```";

/// The parts of a page.
pub(super) fn parts(page: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let comment = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
        parts.push(match comment {
            Some(comment) => {
                let (kind, argument) = comment.split_once(": ").unwrap_or((comment, ""));
                let block = (!ALONE.contains(&kind)).then(|| {
                    let (index, opening) = lines.next().unwrap_or_default();
                    assert!(opening.starts_with(FENCE), "no block follows {line}");
                    block(opening, index, &mut lines)
                });
                Part::Step(Step { kind: kind.to_owned(), argument: argument.to_owned(), block })
            }
            None if line.trim_start().starts_with(FENCE) => Part::Block(block(line, index, &mut lines)),
            None => Part::Text(line.to_owned()),
        });
    }
    parts
}

fn block<'a>(opening: &str, index: usize, lines: &mut impl Iterator<Item = (usize, &'a str)>) -> Block {
    let text = lines.take_while(|(_, line)| line.trim() != FENCE).map(|(_, line)| format!("{line}\n")).collect();
    Block { language: opening.trim().trim_start_matches('`').to_owned(), text, line: index + 1 }
}

impl Step {
    /// The step as it stands in a page, with another text in its block.
    pub(super) fn written(&self, text: &str) -> String {
        let comment = match self.argument.as_str() {
            "" => format!("<!-- {} -->\n", self.kind),
            argument => format!("<!-- {}: {argument} -->\n", self.kind),
        };
        match &self.block {
            Some(block) => format!("{comment}{FENCE}{}\n{text}{FENCE}\n", block.language),
            None => comment,
        }
    }
}

impl Block {
    /// The block as it stands in a page.
    pub(super) fn written(&self) -> String {
        format!("{FENCE}{}\n{}{FENCE}\n", self.language, self.text)
    }

    /// The commands of a block of shell: a line each, or several where one ends in `|` or `\`.
    pub(super) fn commands(&self) -> Vec<String> {
        let mut commands = vec![String::new()];
        for line in self.text.lines() {
            let command = commands.last_mut().unwrap();
            command.push_str(line);
            match line.ends_with(['|', '\\']) {
                true => command.push('\n'),
                false => commands.push(String::new()),
            }
        }
        commands.retain(|command| !command.trim().is_empty());
        commands
    }
}
