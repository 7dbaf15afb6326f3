//! Tells cargo to build the crate again when a migration is added: the macro that embeds them only sees old
//! files.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
