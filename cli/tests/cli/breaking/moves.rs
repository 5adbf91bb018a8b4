//! Catalogues that are moved, linked or split: what was published elsewhere is compared, or the command fails.

use super::*;

const COMPARED: &[&str] = &["--against", "HEAD", "--schemas"];

fn against(repository: &Repository, name: &str, schemas: &str) -> Run {
    repository.run(&["--against", name, "--schemas", schemas])
}

#[cfg(unix)]
#[test]
fn a_catalogue_that_left_a_link_behind_is_not_taken_for_a_new_one() {
    let repository = Repository::with(&[(EVENT, &named(10))]);
    std::fs::create_dir(repository.0.path().join("real")).unwrap();
    repository.git(&["mv", "schemas", "real/schemas"]);
    std::os::unix::fs::symlink("real/schemas", repository.0.path().join("schemas")).unwrap();
    repository.0.write("real/schemas/domain/rule/created.v1.json", &named(5));
    repository.git(&["add", "--all"]);

    let run = repository.run(&[COMPARED, &["schemas"]].concat());

    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("was the catalogue moved from schemas?"), "{run:?}");
}

#[test]
fn events_that_moved_to_a_copy_of_the_catalogue_are_not_new() {
    let repository = Repository::with(&[(EVENT, &named(10)), ("schemas/domain/rule/kept.v1.json", &named(10))]);
    let moved = "contracts/domain/rule/created.v1.json";
    std::fs::create_dir_all(repository.0.path().join("contracts/domain/rule")).unwrap();
    repository.0.write("contracts/eventsmith.toml", MANIFEST);
    repository.git(&["mv", EVENT, moved]);
    repository.0.write(moved, &named(5));
    repository.git(&["add", "--all"]);

    let run = repository.run(&[COMPARED, &["contracts"]].concat());

    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("was the catalogue moved from schemas?"), "{run:?}");
}

#[test]
fn a_second_catalogue_is_new_though_the_first_one_changes() {
    let files = [(EVENT, &*named(10)), ("schemas/domain/rule/gone.v1.json", &named(10))];
    let repository = Repository::with(&files);
    repository.remove("schemas/domain/rule/gone.v1.json");
    repository.0.write("contracts/eventsmith.toml", MANIFEST);
    repository.0.write("contracts/domain/rule/created.v1.json", &named(5));
    repository.git(&["add", "--all"]);

    let run = repository.run(&[COMPARED, &["contracts"]].concat());

    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stderr.contains("there is no catalogue in HEAD"), "{run:?}");
}

#[test]
fn a_first_catalogue_is_new_whatever_the_names_of_other_files_are() {
    let repository = Repository::without_catalogue();
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;
        let name = std::ffi::OsStr::from_bytes(b"caf\xe9.json");
        std::fs::write(repository.0.path().join(name), "{}").unwrap();
    }
    repository.commit(&[("größe.json", "{}"), ("a \"b\"\\c.json", "{}")]);
    repository.0.write("schemas/eventsmith.toml", MANIFEST);
    repository.0.write(EVENT, &named(5));

    let run = against(&repository, "HEAD", "schemas");

    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stderr.contains("there is no catalogue in HEAD"), "{run:?}");
}

#[cfg(unix)]
#[test]
fn links_of_no_interest_are_of_none_in_revisions_either() {
    let repository = Repository::with(&[(EVENT, &named(10)), ("LICENSE", "free"), ("shared/a.json", "{}")]);
    let link = |name: &str, to: &str| {
        let path = repository.0.path().join("schemas").join(name);
        let _ = std::fs::remove_file(&path);
        std::os::unix::fs::symlink(to, path).unwrap();
        repository.commit(&[]);
        repository.run(&[COMPARED, &["schemas"]].concat())
    };

    for (name, to) in [("LICENSE", "../LICENSE"), ("README.md", "../nowhere.md")] {
        let run = link(name, to);
        assert_eq!(run.status, 0, "{run:?}");
    }
    let run = link("README.md", "../shared");
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("README.md is a symbolic link"), "{run:?}");
}

#[cfg(unix)]
#[test]
fn what_an_earlier_folder_links_to_is_not_passed() {
    let repository = Repository::with(&[(EVENT, &named(5))]);
    let base = Folder::with(&[("schemas/eventsmith.toml", MANIFEST), ("shared/created.v1.json", &named(10))]);
    let schemas = base.path().join("schemas");
    let folder = schemas.display().to_string();

    for (at, to) in
        [("domain/rule", "../../shared"), ("domain/rule/created.v1.json", "../../../shared/created.v1.json")]
    {
        let _ = std::fs::remove_dir_all(schemas.join("domain"));
        std::fs::create_dir_all(schemas.join(at).parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(to, schemas.join(at)).unwrap();

        let run = against(&repository, &folder, "schemas");

        assert_eq!(run.status, 1, "{run:?}");
        assert!(run.stdout.contains("[unsound-previous]") && run.stdout.contains("symbolic link"), "{run:?}");
    }
}

#[test]
fn what_a_merge_did_not_keep_was_published_all_the_same() {
    let repository = Repository::with(&[(EVENT, &named(10))]);
    repository.git(&["branch", "feature"]);
    repository.commit(&[(EVENT, &named(3))]);
    repository.commit(&[(EVENT, &named(10))]);
    repository.git(&["checkout", "--quiet", "feature"]);
    repository.commit(&[("other.txt", "x")]);
    repository.git(&["merge", "--quiet", "--no-edit", "main"]);
    repository.git(&["branch", "--force", "main", "feature"]);

    let run = repository.run(&["--against", "main", "--schemas", "schemas", "--transitive", "--policy", "forward"]);

    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.contains("[breaking-change]"), "{run:?}");
}

#[test]
fn history_goes_on_where_the_catalogue_was_before() {
    let repository = Repository::with(&[(EVENT, &named(3))]);
    repository.commit(&[(EVENT, &named(10)), ("contracts/notes.txt", "x")]);
    for folder in ["domain", "eventsmith.toml"] {
        repository.git(&["mv", &format!("schemas/{folder}"), &format!("contracts/{folder}")]);
    }
    repository.commit(&[]);
    let compared = |more: &[&str]| repository.run(&[COMPARED, &["contracts", "--policy", "forward"], more].concat());

    assert_eq!(compared(&[]).status, 0);
    let run = compared(&["--transitive"]);
    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.contains("[breaking-change]"), "{run:?}");
}

#[test]
fn steps_from_a_name_of_two_revisions_are_asked_for_as_well() {
    let repository = Repository::with(&[(EVENT, &named(10))]);
    repository.commit(&[(EVENT, &named(20))]);
    repository.git(&["tag", "stable"]);
    repository.commit(&[(EVENT, &named(30))]);
    repository.git(&["branch", "stable"]);

    for steps in ["~1", "^", "^{commit}", "@{0}"] {
        let run = against(&repository, &format!("stable{steps}"), "schemas");
        assert_eq!(run.status, 2, "{run:?}");
        assert!(run.stderr.contains(&format!("say refs/heads/stable{steps} or refs/tags/stable{steps}")), "{run:?}");
    }
    for name in ["refs/heads/stable~1", "HEAD~1", "@~1"] {
        assert_ne!(against(&repository, name, "schemas").status, 2, "{name}");
    }
}

#[test]
fn a_submodule_is_compared_with_what_the_repository_around_it_had() {
    let inner = Repository::with(&[(EVENT, &named(10))]);
    let from = inner.0.path().display().to_string();
    let outer = Repository::without_catalogue();
    outer.git(&["commit", "--quiet", "--allow-empty", "--message", "none"]);
    outer.git(&["branch", "empty"]);
    outer.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &from, "module"]);
    outer.commit(&[]);
    inner.commit(&[(EVENT, &named(5))]);
    let module = outer.0.path().join("module");
    git(&module, &["-c", "protocol.file.allow=always", "fetch", "--quiet", "origin"]);
    git(&module, &["checkout", "--quiet", "origin/main"]);
    outer.git(&["checkout", "--quiet", "-b", "bump"]);
    outer.commit(&[]);

    let run = outer.run(&["--against", "main", "--schemas", "module/schemas", "--policy", "backward"]);

    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.contains("[breaking-change]") && run.stderr.contains("lies in a submodule"), "{run:?}");
    let run = outer.run(&["--against", "empty", "--schemas", "module/schemas"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("module is a submodule, and none in empty"), "{run:?}");
}

#[test]
fn a_change_of_the_policy_does_not_lower_what_is_asked_for() {
    let repository = Repository::with(&[(EVENT, &named(5))]);
    repository.0.write("schemas/eventsmith.toml", "root = \"rules\"\n\n[compatibility]\npolicy = \"backward\"\n");
    repository.0.write(EVENT, &named(10));

    let run = against(&repository, "HEAD", "schemas");

    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.contains("[breaking-change]") && run.stderr.contains("under the policy \"full\""), "{run:?}");
    let run = repository.run(&["--against", "HEAD", "--schemas", "schemas", "--policy", "backward"]);
    assert_eq!(run.status, 0, "{run:?}");
}

#[test]
fn a_repository_among_the_schema_files_is_none() {
    let repository = Repository::with(&[(EVENT, &named(10))]);
    let schemas = repository.0.path().join("schemas");
    let planted = Repository::with(&[(EVENT, &named(5))]);
    planted.git(&["mv", "schemas/eventsmith.toml", "schemas/domain", "."]);
    planted.commit(&[]);
    let from = planted.0.path().join(".git").display().to_string();
    git(repository.0.path(), &["clone", "--quiet", "--bare", &from, "bare"]);
    for name in ["HEAD", "config", "objects", "refs", "packed-refs"] {
        let _ = std::fs::rename(repository.0.path().join("bare").join(name), schemas.join(name));
    }
    let config = "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = .\n";
    std::fs::write(schemas.join("config"), config).unwrap();
    std::fs::create_dir_all(schemas.join("refs/heads")).unwrap();
    repository.0.write(EVENT, &named(5));

    let run = against(&repository, "main", "schemas");

    assert_eq!(run.status, 2, "{run:?}");
}

#[test]
fn a_commit_that_another_one_was_put_in_the_place_of_is_compared_as_it_was() {
    let repository = Repository::with(&[(EVENT, &named(10))]);
    repository.git(&["branch", "published"]);
    repository.commit(&[(EVENT, &named(5))]);
    repository.git(&["replace", "published", "HEAD"]);

    let run = repository.run(&["--against", "published", "--schemas", "schemas", "--policy", "backward"]);

    assert_eq!(run.status, 1, "{run:?}");
}

#[test]
fn a_manifest_within_a_catalogue_does_not_make_its_events_new() {
    let repository = Repository::with(&[(EVENT, &named(10))]);
    repository.0.write("schemas/domain/eventsmith.toml", MANIFEST);
    repository.0.write("schemas/domain/domain/rule/created.v1.json", &named(5));
    repository.git(&["add", "--all"]);

    let run = against(&repository, "HEAD", "schemas/domain");

    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("was the catalogue moved from schemas?"), "{run:?}");
}
