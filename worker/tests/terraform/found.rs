//! The Terraform and the plugins of this machine.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use worker::terraform::{
    plugins::{MirrorSearch, plugin_versions, write_cli_config},
    version::{self, TerraformError},
};

use super::supervisor::{Workspace, long_lease, run, start, terraform, texts};

fn program(directory: &Path, script: &str) -> std::path::PathBuf {
    let path = directory.join("terraform");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[tokio::test]
async fn terraform_is_found_on_the_path_with_version_and_digest() {
    let found = version::find(None, &std::env::var("PATH").unwrap())
        .await
        .unwrap();
    assert_eq!(found.path, terraform().await);
    assert!(found.version.starts_with("1."), "{found:?}");
    let sums = std::process::Command::new("sha256sum")
        .arg(&found.path)
        .output()
        .unwrap();
    assert!(
        String::from_utf8(sums.stdout)
            .unwrap()
            .starts_with(&format!("{} ", found.sha256))
    );
}

#[tokio::test]
async fn a_missing_terraform_says_where_to_get_it() {
    let empty = tempfile::tempdir().unwrap();
    for (setting, path) in [
        (None, empty.path().to_str().unwrap()),
        (Some(empty.path()), "/usr/bin"),
    ] {
        let error = version::find(setting, path).await.unwrap_err();
        assert!(matches!(error, TerraformError::Missing { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains("1.11.4 from https://developer.hashicorp.com/terraform/install"),
            "{text}"
        );
        assert!(text.contains(empty.path().to_str().unwrap()), "{text}");
    }
}

#[tokio::test]
async fn a_terraform_of_another_version_or_none_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    for (version, allowed) in [("1.10.5", false), ("2.0.0", false), ("1.13.1", true)] {
        let old = program(
            directory.path(),
            &format!("echo '{{\"terraform_version\":\"{version}\"}}'"),
        );
        let found = version::find(Some(&old), "/usr/bin:/bin").await;
        match found {
            Ok(found) => assert!(allowed && found.version == version, "{found:?}"),
            Err(error) => {
                let expected = format!(
                    "{} is Terraform {version}; at least 1.11.0 and below 2.0 is needed",
                    old.display()
                );
                assert!(!allowed && error.to_string() == expected, "{error}");
            }
        }
    }
    let broken = program(directory.path(), "echo oh no >&2; exit 3");
    let error = version::find(Some(&broken), "/usr/bin:/bin")
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("gave no version: exit status: 3, \"oh no\\n\""),
        "{error}"
    );
}

#[tokio::test]
async fn terraform_takes_plugins_from_the_mirror_and_from_nowhere_else() {
    let workspace = Workspace::new();
    let mirror = tempfile::Builder::new()
        .prefix("mirror \"of\" \\plugins ")
        .tempdir()
        .unwrap();
    let provider = "registry.terraform.io/linode/linode/3.13.0/linux_amd64";
    fs::create_dir_all(mirror.path().join(provider)).unwrap();
    fs::write(
        mirror
            .path()
            .join(provider)
            .join("terraform-provider-linode_v3.13.0"),
        "no plugin",
    )
    .unwrap();
    write_cli_config(&workspace.path().join("terraformrc"), mirror.path()).unwrap();
    let requires = |version: &str| {
        let source = format!("source = \"linode/linode\"\n version = \"{version}\"");
        format!("terraform {{\n required_providers {{\n linode = {{\n {source}\n }}\n }}\n}}\n")
    };
    let terraform = terraform().await;
    let mut supervisor = start(long_lease());
    for (version, code) in [("3.13.0", 0), ("99.0.0", 1)] {
        fs::write(workspace.path().join("main.tf"), requires(version)).unwrap();
        let init = workspace.run(&terraform, &["init", "-upgrade", "-no-color", "-input=false"]);
        let (exit, lines) = run(&mut supervisor, init).await;
        assert_eq!(exit.unwrap().code, Some(code), "{:#?}", texts(&lines));
        if code == 1 {
            // It asked nobody: not the registry.
            let text = texts(&lines).join(" ");
            assert!(text.contains("no available releases match"), "{text}");
        }
    }
    let search = MirrorSearch::new(Some(mirror.path()), None, None);
    let plugins = plugin_versions(&search.find().unwrap()).unwrap();
    assert_eq!((plugins.len(), plugins[0].version.as_str()), (1, "3.13.0"));
}
