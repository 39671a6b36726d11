//! What `cargo metadata` knows about our packages, cut down to what the chores ask.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command::cargo;

/// A package with its own lock file: cargo-fuzz wants its crate outside the workspace.
pub(crate) const FUZZ_MANIFEST: &str = "feeds/fuzz/Cargo.toml";

pub(crate) struct Workspace {
    pub(crate) target_dir: PathBuf,
    /// The members, and the fuzz crate if there is one.
    pub(crate) packages: Vec<Package>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// The package's folder, from the root, with `/` between its parts.
    pub(crate) dir: String,
    pub(crate) targets: Vec<Target>,
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) name: String,
    /// `lib`, `bin`, `test`, `bench`, `example`, `custom-build`, …
    pub(crate) kind: String,
    /// The file that the target begins with, from the root.
    pub(crate) root: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Only tests, examples and benches use it.
    pub(crate) dev: bool,
    /// It lies in this tree.
    pub(crate) ours: bool,
}

impl Workspace {
    pub(crate) fn load() -> Result<Self> {
        let members = metadata("Cargo.toml")?;
        let root = PathBuf::from(text(&members, "workspace_root"));
        let mut packages = packages(&members, &root);
        if Path::new(FUZZ_MANIFEST).exists() {
            packages.extend(self::packages(&metadata(FUZZ_MANIFEST)?, &root));
        }
        Ok(Self { target_dir: PathBuf::from(text(&members, "target_directory")), packages })
    }

    /// The names of a package's targets of one kind, in alphabetical order.
    pub(crate) fn targets(&self, package: &str, kind: &str) -> Vec<String> {
        let package = self.packages.iter().find(|candidate| candidate.name == package);
        let targets = package.map(|package| package.targets.as_slice()).unwrap_or_default();
        let of_kind = targets.iter().filter(|target| target.kind == kind);
        let mut names: Vec<_> = of_kind.map(|target| target.name.clone()).collect();
        names.sort();
        names
    }
}

fn metadata(manifest: &str) -> Result<Value> {
    let line = cargo("metadata --no-deps --format-version 1 --manifest-path").args([manifest]);
    let printed = line.read()?;
    serde_json::from_str(&printed).context("`cargo metadata` did not print JSON")
}

fn packages(metadata: &Value, root: &Path) -> Vec<Package> {
    list(metadata, "packages").map(|package| read_package(package, root)).collect()
}

fn read_package(package: &Value, root: &Path) -> Package {
    let manifest = text(package, "manifest_path");
    let dir = Path::new(manifest).parent().unwrap_or(root);
    Package {
        name: text(package, "name").to_owned(),
        dir: from_root(&dir.to_string_lossy(), root),
        targets: list(package, "targets").map(|target| read_target(target, root)).collect(),
        dependencies: list(package, "dependencies").map(read_dependency).collect(),
    }
}

fn read_target(target: &Value, root: &Path) -> Target {
    let kind = target.pointer("/kind/0").and_then(Value::as_str).unwrap_or_default();
    Target {
        name: text(target, "name").to_owned(),
        kind: kind.to_owned(),
        root: from_root(text(target, "src_path"), root),
    }
}

fn read_dependency(dependency: &Value) -> Dependency {
    Dependency {
        name: text(dependency, "name").to_owned(),
        dev: text(dependency, "kind") == "dev",
        ours: dependency.get("path").is_some_and(Value::is_string),
    }
}

fn from_root(path: &str, root: &Path) -> String {
    let path = Path::new(path);
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_is_read() {
        let metadata = json!({"packages": [{
            "name": "engine-ring",
            "manifest_path": "/home/me/tree/engine/ring/Cargo.toml",
            "targets": [
                {"name": "engine_ring", "kind": ["lib"], "src_path": "/home/me/tree/engine/ring/src/lib.rs"},
            ],
            "dependencies": [
                {"name": "loom", "kind": null, "path": null},
                {"name": "engine-event", "kind": "dev", "path": "/home/me/tree/engine/event"},
            ],
        }]});
        let read = packages(&metadata, Path::new("/home/me/tree"));
        let root = "engine/ring/src/lib.rs".to_owned();
        let lib = Target { name: "engine_ring".to_owned(), kind: "lib".to_owned(), root };
        let loom = Dependency { name: "loom".to_owned(), dev: false, ours: false };
        let event = Dependency { name: "engine-event".to_owned(), dev: true, ours: true };
        let expected = Package {
            name: "engine-ring".to_owned(),
            dir: "engine/ring".to_owned(),
            targets: vec![lib],
            dependencies: vec![loom, event],
        };
        assert_eq!(read, [expected]);
    }
}
