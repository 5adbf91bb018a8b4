//! Catalogues made of AsyncAPI documents: of our own, which come back as they were, and of others, from packages of npm.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../../../tests/src/installed.rs"]
#[expect(unreachable_pub, dead_code, reason = "it belongs to the tests of the whole house, which use more of it")]
mod installed;
mod others;
mod small;

use std::collections::BTreeMap;
use std::path::Path;

use eventsmith_codegen::bundle::bundle;
use eventsmith_codegen::manifest::{Named, Service};
use eventsmith_codegen::model::{Event, Version};
use eventsmith_codegen::sample::Instances;
use eventsmith_codegen::schema::Validator;
use eventsmith_codegen::{Loaded, Severity, from_files, generate, lint, load};
use eventsmith_documents::asyncapi::{Options, document};
use eventsmith_documents::import::{Imported, import};

/// Imports a text alone.
fn of_text(file: &str, text: &str) -> Result<Imported, String> {
    import(file, &mut |path| if path == file { Ok(text.to_owned()) } else { Err(format!("{path} is not there")) })
}

/// The catalogue that was imported: `lint` finds nothing in it but advice, and code is generated of it.
fn sound(imported: &Imported) -> Loaded {
    let files: BTreeMap<String, Vec<u8>> =
        imported.files.iter().map(|(path, text)| (path.clone(), text.clone().into_bytes())).collect();
    let loaded = from_files("memory", files);
    let findings = lint::lint(&loaded);
    let worse: Vec<_> = findings.iter().filter(|found| found.severity > Severity::Advice).collect();
    assert!(worse.is_empty(), "{worse:#?}");
    generate(&loaded).unwrap();
    loaded
}

#[test]
fn our_own_document_gives_a_catalogue_that_accepts_the_same() {
    let rules = load(&Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("schemas"));
    let document = document(&rules, &Options::default());
    for (file, text) in [("rules.json", document.to_json()), ("rules.yaml", document.to_yaml())] {
        let imported = of_text(file, &text).unwrap();
        let loaded = sound(&imported);

        let versions = |loaded: &Loaded| -> Vec<(String, String, Option<String>, String)> {
            let of = |(event, version): (&Event, &Version)| {
                (version.file.clone(), version.subject(event), version.key.clone(), format!("{:?}", version.aggregate))
            };
            loaded.catalogue.versions().map(of).collect()
        };
        assert_eq!(versions(&loaded), versions(&rules), "{file}: {:#?}", imported.notes);
        let (mut accepted, mut rejected) = (0, 0);
        for (_, version) in rules.catalogue.versions() {
            for (_, path) in version.parts() {
                let given = bundle(&rules, path);
                let (before, after) =
                    (Validator::new(&given).unwrap(), Validator::new(&bundle(&loaded, path)).unwrap());
                for instance in Instances::new(&given, 11).unwrap().take(20) {
                    let is_valid = before.is_valid(&instance);
                    *(if is_valid { &mut accepted } else { &mut rejected }) += 1;
                    assert_eq!(after.is_valid(&instance), is_valid, "{path}: {instance}");
                }
            }
        }
        assert!(accepted > 100 && rejected > 100, "{file}: {accepted} {rejected}");
        let services = |loaded: &Loaded| -> Vec<String> {
            let of = |(name, service): (&Named, &Service)| {
                let mut published: Vec<&String> = service.publishes.iter().map(|name| name.get_ref()).collect();
                published.sort();
                format!("{} {published:?}", name.get_ref())
            };
            let all = loaded.catalogue.manifest.services.iter();
            all.filter(|(_, service)| !service.publishes.is_empty()).map(of).collect()
        };
        assert_eq!(services(&loaded), services(&rules));
    }
}
