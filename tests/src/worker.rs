//! What programs have in common that tests start and kill.

use std::io::{self, Write};

/// Ends this process once its parent has: the parent holds the other end of the standard input, and writes nothing. Its end is the
/// parent's own, even if that was killed and could end nobody.
pub fn end_with_parent() {
    std::thread::spawn(|| {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        std::process::exit(3);
    });
}

/// Writes a line at once.
///
/// # Errors
/// When nobody can read it.
pub fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes())?;
    out.flush()
}
