//! The filter as an image, in the forms that Istio and Envoy Gateway fetch, and as a ConfigMap.
//!
//! Both hosts take two forms (their `imagefetcher.go`): the *compat* form, a container image whose last layer is a gzipped tar
//! with `plugin.wasm` in it, and the *artifact* form of exactly two layers, of which one is the module as it is. An artifact of
//! one layer is refused by both. The same module gives the same bytes, so that a digest says what is deployed.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const WASM_CONFIG: &str = "application/vnd.module.wasm.config.v1+json";
const WASM_LAYER: &str = "application/vnd.module.wasm.content.layer.v1+wasm";

/// What a ConfigMap may hold, all of it together, in bytes (the API server's limit).
pub const CONFIG_MAP_BYTES: usize = 1 << 20;

/// An OCI layout: its files by their paths in it.
#[derive(Debug)]
pub struct Layout {
    /// Paths and contents, in order.
    pub files: Vec<(PathBuf, Vec<u8>)>,
    /// The SHA-256 of the module: what Envoy and `WasmPlugin` take as `sha256`.
    pub sha256: String,
    /// The digests of the manifests: of the compat form, of the artifact.
    pub manifests: [String; 2],
}

/// The names of the two forms in a layout.
pub const FORMS: [&str; 2] = ["compat", "artifact"];

/// Puts a module into a layout, in both forms.
///
/// # Errors
/// When it is no module.
pub fn layout(wasm: &[u8]) -> Result<Layout> {
    ensure!(wasm.starts_with(b"\0asm"), "this is no wasm module");
    let mut blobs = Blobs::default();
    let tar = tar(wasm)?;
    let layer = blobs.add(LAYER, gzip(&tar)?);
    // Of no meaning to a module, but clients unpack what they know alone (`umoci`: "unsupported OS").
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", sha256(&tar))]},
    });
    let config = blobs.add(CONFIG, config.to_string());
    let annotations = json!({"module.wasm.image/variant": "compat"});
    let compat = blobs.manifest(&config, &[layer], &annotations);

    let about = json!({"type": "envoy_proxy", "abiVersions": ["v0.2.1"]}).to_string();
    let config = blobs.add(WASM_CONFIG, about.clone());
    let layers = [
        blobs.add(WASM_LAYER, wasm.to_vec()),
        blobs.add(WASM_CONFIG, about),
    ];
    let artifact = blobs.manifest(&config, &layers, &json!({}));

    let manifests = [&compat, &artifact]
        .map(|manifest| manifest["digest"].as_str().unwrap_or_default().to_owned());
    let named = |mut manifest: Value, name: &str| {
        manifest["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        manifest
    };
    let index = json!({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [named(compat, FORMS[0]), named(artifact, FORMS[1])],
    });
    let mut files = vec![
        (
            PathBuf::from("oci-layout"),
            br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec(),
        ),
        (PathBuf::from("index.json"), index.to_string().into_bytes()),
    ];
    files.extend(blobs.0);
    Ok(Layout {
        files,
        sha256: sha256(wasm),
        manifests,
    })
}

/// A ConfigMap that holds the module: what a proxy mounts as a file.
///
/// # Errors
/// When it does not fit.
pub fn config_map(wasm: &[u8], name: &str, namespace: &str) -> Result<String> {
    ensure!(wasm.starts_with(b"\0asm"), "this is no wasm module");
    let text = base64::engine::general_purpose::STANDARD.encode(wasm);
    ensure!(
        wasm.len() <= CONFIG_MAP_BYTES,
        "the module has {} bytes, and a ConfigMap holds {CONFIG_MAP_BYTES}: use an image",
        wasm.len()
    );
    Ok(format!(
        "# The filter, sha256 {}.\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: {namespace}\nbinaryData:\n  toolgate.wasm: {text}\n",
        sha256(wasm)
    ))
}

#[derive(Default)]
struct Blobs(Vec<(PathBuf, Vec<u8>)>);

impl Blobs {
    /// Adds a blob and returns its descriptor.
    fn add(&mut self, media_type: &str, bytes: impl Into<Vec<u8>>) -> Value {
        let bytes = bytes.into();
        let digest = sha256(&bytes);
        let descriptor = json!({"mediaType": media_type, "digest": format!("sha256:{digest}"), "size": bytes.len()});
        let path = PathBuf::from("blobs/sha256").join(digest);
        if self.0.iter().all(|(there, _)| *there != path) {
            self.0.push((path, bytes));
        }
        descriptor
    }

    fn manifest(&mut self, config: &Value, layers: &[Value], annotations: &Value) -> Value {
        let mut manifest =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
        if annotations
            .as_object()
            .is_some_and(|members| !members.is_empty())
        {
            manifest["annotations"] = annotations.clone();
        }
        self.add(MANIFEST, manifest.to_string())
    }
}

fn tar(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_path("plugin.wasm")?;
    header.set_size(u64::try_from(wasm.len())?);
    header.set_mode(0o444);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    let mut builder = tar::Builder::new(Vec::new());
    builder.append(&header, wasm).context("writing the layer")?;
    builder.into_inner().context("writing the layer")
}

/// Without a name and a time, which would differ from run to run.
fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .write(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: &[u8] = b"\0asm\x01\0\0\0";

    #[test]
    fn the_same_module_gives_the_same_bytes() {
        let (one, other) = (layout(MODULE).unwrap(), layout(MODULE).unwrap());
        assert_eq!(one.files, other.files);
        // Taken down once: another encoder, or another order of keys, would change what is deployed.
        assert_eq!(
            one.sha256,
            "93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476"
        );
    }

    #[test]
    fn every_descriptor_leads_to_its_blob() {
        let layout = layout(MODULE).unwrap();
        let find = |path: &str| {
            layout
                .files
                .iter()
                .find(|(there, _)| there == std::path::Path::new(path))
                .map(|(_, bytes)| bytes.clone())
        };
        let read = |descriptor: &Value| {
            let digest = descriptor["digest"]
                .as_str()
                .unwrap()
                .strip_prefix("sha256:")
                .unwrap();
            let bytes = find(&format!("blobs/sha256/{digest}")).unwrap();
            assert_eq!(descriptor["size"], bytes.len());
            assert_eq!(sha256(&bytes), digest);
            bytes
        };
        let index: Value = serde_json::from_slice(&find("index.json").unwrap()).unwrap();
        let mut wasm = 0;
        for manifest in index["manifests"].as_array().unwrap() {
            let manifest: Value = serde_json::from_slice(&read(manifest)).unwrap();
            read(&manifest["config"]);
            for layer in manifest["layers"].as_array().unwrap() {
                wasm += usize::from(read(layer) == MODULE);
            }
        }
        assert_eq!((wasm, index["manifests"].as_array().unwrap().len()), (1, 2));
    }

    #[test]
    fn what_does_not_fit_or_is_no_module_is_refused() {
        assert!(layout(b"MZ").is_err());
        let large = [MODULE, &vec![0; CONFIG_MAP_BYTES]].concat();
        let error = config_map(&large, "a", "b").unwrap_err().to_string();
        assert!(error.contains("use an image"), "{error}");
        assert!(
            config_map(MODULE, "a", "b")
                .unwrap()
                .contains("AGFzbQEAAAA=")
        );
    }
}
