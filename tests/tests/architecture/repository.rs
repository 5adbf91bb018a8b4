//! The repository as data: what the checks judge.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What a test of this folder returns.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// A source file.
pub(crate) struct Source {
    /// Relative to the repository, with slashes.
    pub(crate) path: String,
    /// All of it.
    pub(crate) text: String,
}

/// A crate of the workspace.
pub(crate) struct Crate {
    /// Its name as a package.
    pub(crate) name: String,
    /// The packages that it depends on directly, to run and to build.
    pub(crate) dependencies: Vec<String>,
    /// Those that only its tests and the examples in its documentation depend on.
    pub(crate) test_dependencies: Vec<String>,
    /// The files below `src` that a library or a program begins with.
    pub(crate) roots: Vec<String>,
}

/// Where everything is read from.
pub(crate) struct Repository {
    root: PathBuf,
}

impl Repository {
    pub(crate) fn open() -> Outcome<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
        Ok(Self { root })
    }

    /// Every file of code, in the order of their paths.
    pub(crate) fn sources(&self) -> Outcome<Vec<Source>> {
        let mut sources = Vec::new();
        self.collect(&self.root, &mut sources)?;
        sources.sort_by(|one: &Source, other| one.path.cmp(&other.path));
        Ok(sources)
    }

    fn collect(&self, folder: &Path, sources: &mut Vec<Source>) -> Outcome {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                // Cargo tags its target folder, whatever it is called.
                if name != ".git" && !path.join("CACHEDIR.TAG").exists() {
                    self.collect(&path, sources)?;
                }
            } else if path
                .extension()
                .is_some_and(|extension| ["rs", "py", "sh", "hbs"].iter().any(|e| extension == *e))
                || path.starts_with(self.root.join(".ci"))
            {
                sources.push(Source { path: self.relative(&path)?, text: fs::read_to_string(&path)? });
            }
        }
        Ok(())
    }

    fn relative(&self, path: &Path) -> Outcome<String> {
        Ok(path.strip_prefix(&self.root)?.to_string_lossy().replace('\\', "/"))
    }

    /// The crates of the workspace, as Cargo sees them.
    pub(crate) fn crates(&self) -> Outcome<Vec<Crate>> {
        let metadata = self.metadata()?;
        let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
        packages.iter().map(|package| self.crate_of(package)).collect()
    }

    fn crate_of(&self, package: &Value) -> Outcome<Crate> {
        let list = |key: &str| package[key].as_array().map(Vec::as_slice).unwrap_or_default();
        let (tests, others): (Vec<&Value>, Vec<&Value>) =
            list("dependencies").iter().partition(|dependency| dependency["kind"] == "dev");
        let names = |dependencies: Vec<&Value>| {
            dependencies.iter().filter_map(|dependency| dependency["name"].as_str().map(str::to_owned)).collect()
        };
        let sources = list("targets").iter().filter_map(|target| target["src_path"].as_str());
        let roots = sources.map(|path| self.relative(Path::new(path))).collect::<Outcome<Vec<String>>>()?;
        Ok(Crate {
            name: package["name"].as_str().ok_or("a package without a name")?.to_owned(),
            dependencies: names(others),
            test_dependencies: names(tests),
            roots: roots.into_iter().filter(|path| path.split('/').any(|part| part == "src")).collect(),
        })
    }

    /// Everything that is compiled into a crate by these edges (`normal`, `build`), with the features that it asks for itself.
    pub(crate) fn dependencies_of(&self, package: &str, edges: &str) -> Outcome<Vec<String>> {
        let edges = format!("--edges={edges}");
        let tree = self.cargo(&["tree", "--offline", "--package", package, &edges, "--prefix=none"])?;
        Ok(tree.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
    }

    /// The manifest of the workspace, and the path and manifest of each of its crates.
    pub(crate) fn manifests(&self) -> Outcome<(toml::Table, Vec<(String, toml::Table)>)> {
        let metadata = self.metadata()?;
        let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
        let members = packages
            .iter()
            .map(|package| {
                let path = Path::new(package["manifest_path"].as_str().ok_or("a package without a manifest")?);
                Ok((path.strip_prefix(&self.root)?.display().to_string(), fs::read_to_string(path)?.parse()?))
            })
            .collect::<Outcome<_>>()?;
        Ok((fs::read_to_string(self.root.join("Cargo.toml"))?.parse()?, members))
    }

    fn metadata(&self) -> Outcome<Value> {
        Ok(serde_json::from_str(&self.cargo(&["metadata", "--offline", "--no-deps", "--format-version=1"])?)?)
    }

    fn cargo(&self, arguments: &[&str]) -> Outcome<String> {
        let output = Command::new(env!("CARGO")).args(arguments).current_dir(&self.root).output()?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            return Err(format!("cargo {} failed: {words}", arguments.join(" ")).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}
