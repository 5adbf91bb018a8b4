//! What git shows: links, submodules, branches, tags, and clones that hold only a part.

use super::*;

#[cfg(unix)]
#[test]
fn a_link_in_a_revision_is_the_file_that_it_leads_to() {
    let repository = Repository::with(&[(EVENT, &named(10))]);
    let link = repository.0.path().join("schemas/domain/rule/linked.v1.json");
    std::os::unix::fs::symlink("created.v1.json", &link).unwrap();
    repository.commit(&[]);

    let run = repository.run(&["--against", "HEAD", "--schemas", "schemas"]);

    assert_eq!(
        (run.status, run.stderr.as_str()),
        (0, "0 compatible, 4 identical, 0 breaking, 0 undecided\n"),
        "{run:?}"
    );
    // What changes behind the link changes the event, and so does its removal.
    repository.0.write(EVENT, &named(5));
    let run = repository.run(&["--against", "HEAD", "--schemas", "schemas"]);
    assert_eq!((run.status, run.stdout.matches("[breaking-change]").count()), (1, 2), "{run:?}");
    repository.remove("schemas/domain/rule/linked.v1.json");
    let run = repository.run(&["--against", "HEAD", "--schemas", "schemas"]);
    assert!(run.stdout.contains("[removed-event]"), "{run:?}");
    assert!(run.stderr.ends_with(", 1 removed-event\n"), "{run:?}");
}

#[cfg(unix)]
#[test]
fn what_a_revision_holds_behind_links_out_and_in_submodules_is_never_passed() {
    let repository = Repository::with(&[(EVENT, &named(10)), ("secret.json", "{}")]);
    let link = repository.0.path().join("schemas/common.json");
    std::os::unix::fs::symlink("../secret.json", &link).unwrap();
    repository.commit(&[]);
    std::fs::remove_file(&link).unwrap();

    let run = repository.run(&["--against", "HEAD", "--schemas", "schemas"]);

    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("common.json is a symbolic link"), "{run:?}");
    repository.commit(&[]);
    let other = Repository::with(&[(EVENT, &named(10))]);
    let from = other.0.path().display().to_string();
    repository.git(&[
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        &from,
        "schemas/domain/shared",
    ]);
    repository.commit(&[]);
    let run = repository.run(&["--against", "HEAD", "--schemas", "schemas"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("domain/shared is a submodule"), "{run:?}");
}

#[test]
fn a_branch_is_compared_with_where_it_left_the_other_one() {
    let repository = Repository::with(&[(EVENT, &named(10))]);
    repository.git(&["branch", "feature"]);
    repository.commit(&[("schemas/domain/rule/added.v1.json", &named(3)), (EVENT, &named(20))]);
    repository.git(&["checkout", "--quiet", "feature"]);

    let run = repository.run(&["--against", "main", "--schemas", "schemas"]);
    assert_eq!((run.status, run.stdout.as_str()), (0, ""), "{run:?}");
    assert!(run.stderr.contains("where this branch left main"), "{run:?}");

    let run = repository.run(&["--against", "main", "--tip", "--schemas", "schemas"]);
    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.contains("[removed-event]"), "{run:?}");
}

#[test]
fn a_branch_beside_a_folder_of_its_name_is_asked_for() {
    let repository = Repository::with(&[(EVENT, &named(10))]);
    repository.git(&["branch", "cat"]);
    repository.0.write("cat/eventsmith.toml", MANIFEST);

    let run = repository.run(&["--against", "cat", "--schemas", "schemas"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("./cat") && run.stderr.contains("refs/heads/cat"), "{run:?}");

    for name in ["./cat", "refs/heads/cat"] {
        assert_eq!(repository.run(&["--against", name, "--schemas", "schemas"]).status, 0);
    }
}

/// Git takes the tag, so that a pull request would be compared with what somebody tagged once.
#[test]
fn a_branch_beside_a_tag_of_its_name_is_asked_for() {
    let repository = Repository::with(&[(EVENT, &named(10))]);
    repository.git(&["tag", "--annotate", "--message", "old", "stable"]);
    repository.git(&["branch", "stable"]);
    let against = |name| repository.run(&["--against", name, "--schemas", "schemas"]);
    assert_eq!(against("stable").status, 0, "both are one commit");

    repository.commit(&[(EVENT, &named(20))]);
    repository.git(&["branch", "--force", "stable"]);

    let run = against("stable");
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("say refs/heads/stable or refs/tags/stable"), "{run:?}");
    for name in ["refs/heads/stable", "refs/tags/stable", "main"] {
        assert_ne!(against(name).status, 2, "{name}");
    }
}

#[test]
fn a_shallow_clone_is_enough_but_where_history_matters() {
    let repository = Repository::with(&[(EVENT, &named(5))]);
    repository.commit(&[(EVENT, &named(10))]);
    let folder = Folder::with(&[]);
    let origin = format!("file://{}", repository.0.path().display());
    git(folder.path(), &["clone", "--quiet", "--depth", "1", &origin, "clone"]);
    let clone = folder.path().join("clone");

    let run = run_in(&clone, &["--against", "HEAD", "--schemas", "schemas"]);
    assert_eq!(
        (run.status, run.stderr.as_str()),
        (0, "0 compatible, 2 identical, 0 breaking, 0 undecided\n"),
        "{run:?}"
    );

    let run = run_in(&clone, &["--against", "HEAD", "--schemas", "schemas", "--transitive"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("the clone is shallow") && run.stderr.contains("--unshallow"), "{run:?}");
}

#[test]
fn a_clone_without_blobs_fetches_what_it_needs() {
    let repository = Repository::with(&[(EVENT, &named(5))]);
    repository.commit(&[(EVENT, &named(10))]);
    repository.git(&["config", "uploadpack.allowFilter", "true"]);
    repository.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
    let folder = Folder::with(&[]);
    let origin = format!("file://{}", repository.0.path().display());
    git(folder.path(), &["clone", "--quiet", "--filter=blob:none", &origin, "clone"]);

    let arguments = ["--against", "HEAD~1", "--schemas", "schemas", "--policy", "backward"];
    let run = run_in(&folder.path().join("clone"), &arguments);

    assert_eq!((run.status, run.stdout.as_str()), (0, ""), "{run:?}");
    assert!(run.stderr.ends_with("1 compatible, 0 identical, 0 breaking, 0 undecided\n"), "{run:?}");
}

#[test]
fn a_linked_worktree_and_a_hook_are_understood() {
    let repository = Repository::with(&[(EVENT, &named(10))]);
    repository.git(&["worktree", "add", "--quiet", "tree"]);
    let tree = repository.0.path().join("tree");
    let clean = "0 compatible, 2 identical, 0 breaking, 0 undecided\n";

    let run = run_in(&tree, &["--against", "HEAD", "--schemas", "schemas"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, clean), "{run:?}");

    // A hook of another repository, or of another tree of this one, runs the program here.
    let other = Repository::with(&[(EVENT, &named(20))]);
    let elsewhere = other.0.path().join(".git").display().to_string();
    let own = repository.0.path().join(".git").display().to_string();
    for directory in [elsewhere, own] {
        let hook = [("GIT_DIR", &*directory), ("GIT_INDEX_FILE", ".git/index"), ("GIT_PREFIX", "")];
        let run = run_with(&tree, &["--against", "HEAD", "--schemas", "schemas"], &hook);
        assert_eq!((run.status, run.stderr.as_str()), (0, clean), "{run:?}");
    }

    // Hooks run at the top, with a path relative to it.
    let arguments = ["--against", "HEAD", "--schemas", "schemas"];
    let run = run_with(repository.0.path(), &arguments, &[("GIT_DIR", ".git")]);
    assert_eq!((run.status, run.stderr.as_str()), (0, clean), "{run:?}");
}

/// A pull request may bring the files of a repository whose `main` says what it likes.
#[test]
fn a_repository_among_the_schemas_says_nothing_of_what_is_published() {
    let repository = Repository::with(&[(EVENT, &named(10))]);
    repository.0.write(EVENT, &named(5));
    // Its main has what is published by the pull request.
    let planted = Repository::with(&[]);
    planted.commit(&[("eventsmith.toml", MANIFEST), ("domain/rule/created.v1.json", &named(5))]);
    git(planted.0.path(), &["clone", "--quiet", "--bare", ".", "bare"]);
    for name in ["HEAD", "objects", "refs", "packed-refs", "config"] {
        std::fs::rename(planted.0.path().join("bare").join(name), repository.0.path().join("schemas").join(name))
            .unwrap();
    }
    let config = "[core]\nrepositoryformatversion = 0\nbare = false\nworktree = .\n";
    repository.0.write("schemas/config", config);

    let run = repository.run(&["--against", "main", "--schemas", "schemas"]);

    assert_eq!(run.status, 2, "{run:?}");
}

#[test]
fn where_histories_cross_the_tip_is_compared_with() {
    let repository = Repository::with(&[(EVENT, &named(10))]);
    repository.git(&["switch", "--quiet", "--create", "feature"]);
    repository.commit(&[("schemas/domain/rule/ours.v1.json", &named(10))]);
    repository.git(&["tag", "ours"]);
    repository.git(&["switch", "--quiet", "main"]);
    repository.commit(&[("schemas/domain/rule/theirs.v1.json", &named(10))]);
    repository.git(&["tag", "theirs"]);
    repository.git(&["merge", "--quiet", "--message", "ours", "ours"]);
    repository.git(&["switch", "--quiet", "feature"]);
    repository.git(&["merge", "--quiet", "--message", "theirs", "theirs"]);
    for event in ["ours", "theirs"] {
        let path = format!("schemas/domain/rule/{event}.v1.json");
        let (was, is) = (named(10), named(3));
        repository.commit(&[(&path, &is)]);

        let run = repository.run(&["--against", "main", "--schemas", "schemas"]);

        assert_eq!(run.status, 1, "{event}: {run:?}");
        repository.commit(&[(&path, &was)]);
    }
}
