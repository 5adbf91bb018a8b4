//! `eventsmith completions` and `eventsmith man`, through the binary.

use std::fs;

use crate::support::Folder;

#[test]
fn every_shell_gets_completions_that_know_the_commands() {
    let folder = Folder::with(&[]);

    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = folder.run(&["completions", shell]);
        assert_eq!((run.status, run.stderr), (0, format!("1 completion script for {shell}\n")), "{shell}");
        for word in ["eventsmith", "generate", "validate", "explain-paths"] {
            assert!(run.stdout.contains(word), "{shell} does not know {word}");
        }
    }
}

#[test]
fn the_completions_of_bash_are_taken_by_bash() {
    let folder = Folder::with(&[]);
    folder.write("completions.bash", &folder.run(&["completions", "bash"]).stdout);

    let script = "source completions.bash && COMP_WORDS=(eventsmith gen) COMP_CWORD=1 && _eventsmith eventsmith gen eventsmith \
                  && echo \"${COMPREPLY[@]}\"";
    let output = std::process::Command::new("bash").args(["-c", script]).current_dir(folder.path()).output();

    assert_eq!(output.map(|output| output.stdout).ok().as_deref(), Some(b"generate\n".as_slice()));
}

#[test]
fn an_unknown_shell_is_refused_with_the_known_ones() {
    let run = Folder::with(&[]).run(&["completions", "tcsh"]);

    assert_eq!((run.status, run.stdout.as_str()), (2, ""));
    assert!(run.stderr.contains("bash, elvish, fish, powershell, zsh"), "{run:?}");
}

#[test]
fn the_manual_page_of_the_program_lists_the_commands() {
    let run = Folder::with(&[]).run(&["man"]);

    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.contains(".TH eventsmith 1") && run.stdout.contains("eventsmith\\-generate(1)"), "{run:?}");
}

#[test]
fn a_folder_gets_a_page_for_each_command() {
    let folder = Folder::with(&[]);

    let run = folder.run(&["man", "share/man1"]);

    assert_eq!((run.status, run.stdout.as_str(), run.stderr.as_str()), (0, "", "the manual pages are in share/man1\n"));
    for name in ["eventsmith", "eventsmith-generate", "eventsmith-lint", "eventsmith-validate", "eventsmith-man"] {
        let page = fs::read_to_string(folder.path().join(format!("share/man1/{name}.1"))).unwrap_or_default();
        assert!(page.contains(".SH NAME"), "{name}.1: {page}");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = Folder::with(&[("share", "a file")]);

    let run = folder.run(&["man", "share/man1"]);

    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("share/man1 cannot be made"), "{run:?}");
}
