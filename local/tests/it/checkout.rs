//! What a clone looks like where Git writes CR LF at the ends of lines by default, as on Windows.

use std::fs;
use std::path::Path;
use std::process::Command;

use local::place;

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_clone_on_windows_has_the_same_bytes_in_every_file() {
    let folder = tempfile::tempdir().unwrap();
    let (root, clone) = (place::root(), folder.path().join("clone"));
    let to = clone.to_str().unwrap();
    git(
        &root,
        &["-c", "core.autocrlf=true", "clone", "--quiet", "--no-hardlinks", root.to_str().unwrap(), to],
    );
    let files = git(&clone, &["ls-files", "--eol"]);
    let mut checked = 0;
    for line in files.lines() {
        let (endings, file) = line.split_once('\t').unwrap();
        let mut endings = endings.split_whitespace();
        let (kept, checked_out) = (endings.next().unwrap(), endings.next().unwrap());
        assert_eq!(kept.trim_start_matches("i/"), checked_out.trim_start_matches("w/"), "{file}");
        if !file.starts_with("schema/corpus/") {
            assert!(!kept.contains("crlf"), "{file}");
        }
        checked += 1;
    }
    assert!(checked > 100);
    for file in ["scripts/setup", "deploy/healthcheck", "deploy/postgres/logins.sh", "Dockerfile"] {
        assert!(!fs::read(clone.join(file)).unwrap().contains(&b'\r'), "{file}");
    }
}
