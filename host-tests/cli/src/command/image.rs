//! `toolgate image`: the filter as an OCI layout, or as a ConfigMap.

use std::path::{Path, PathBuf};

use super::{Outcome, failure};
use crate::image::{FORMS, config_map, layout};
use crate::module;

/// What to write.
#[derive(Clone, Debug)]
pub struct Options {
    /// The filter's file; by default the one of this clone.
    pub wasm: Option<PathBuf>,
    /// The directory of the layout.
    pub out: Option<PathBuf>,
    /// Print a ConfigMap, in this namespace, in place of a layout.
    pub config_map: Option<String>,
    /// Overwrite.
    pub force: bool,
}

/// Writes it.
pub fn run(options: &Options) -> Outcome {
    match written(options) {
        Ok(output) => Outcome {
            output,
            ..Outcome::default()
        },
        Err(error) => failure(format!("error: {error:#}\n")),
    }
}

fn written(options: &Options) -> anyhow::Result<String> {
    let wasm = module::bytes(options.wasm.as_deref())?;
    if let Some(namespace) = &options.config_map {
        return config_map(&wasm, "toolgate-wasm", namespace);
    }
    let out = options
        .out
        .as_deref()
        .unwrap_or(Path::new("toolgate-image"));
    let marker = out.join("oci-layout");
    anyhow::ensure!(
        !out.exists() || (options.force && marker.is_file()),
        "`{}` is there already; --force replaces a layout, --out DIR writes elsewhere",
        out.display()
    );
    let layout = layout(&wasm)?;
    if out.exists() {
        std::fs::remove_dir_all(out)?;
    }
    for (name, bytes) in &layout.files {
        let path = out.join(name);
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        std::fs::write(path, bytes)?;
    }
    let shown = out.display();
    let [compat, artifact] = &layout.manifests;
    Ok(format!(
        "written: {shown}\n  {}    {compat}    a container image, for every registry and host\n  {}  {artifact}    the module as it is\n  \
         sha256 of the module: {}\nnext:\n  skopeo copy oci:{shown}:{} docker://REGISTRY/toolgate:VERSION\n  \
         toolgate render istio --image oci://REGISTRY/toolgate:VERSION --policy policy.yaml --upstream NAME.NAMESPACE:PORT\n",
        FORMS[0], FORMS[1], layout.sha256, FORMS[0]
    ))
}
