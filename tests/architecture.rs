//! The rooms and the arrows between them, held by the source itself: what may import what, how files begin and how long
//! they grow, what is never written. The table is the one in the crate's documentation, spelt out.

#[path = "architecture/xep_table.rs"]
mod xep_table;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};

/// Each room, bottom up, and the rooms that it may import directly.
const TABLE: &[(&str, &[&str])] = &[
    ("xml", &[]),
    ("stanza", &["xml"]),
    ("stream", &["stanza", "xml"]),
    ("roster", &[]),
    ("service", &["stanza", "xml"]),
    ("store", &["roster", "stanza", "xml"]),
    ("router", &["store", "service", "roster", "stanza", "xml"]),
    ("modules", &["router", "store", "service", "roster", "stanza", "xml"]),
    ("monitor", &["store"]),
    ("collector", &["monitor", "service", "stanza", "xml"]),
    (
        "net",
        &[
            "stream",
            "router",
            "collector",
            "monitor",
            "store",
            "service",
            "roster",
            "stanza",
            "xml",
        ],
    ),
    (
        "admin",
        &[
            "net",
            "stream",
            "router",
            "collector",
            "monitor",
            "store",
            "service",
            "roster",
            "stanza",
            "xml",
        ],
    ),
    (
        "web",
        &[
            "net",
            "stream",
            "router",
            "collector",
            "monitor",
            "store",
            "service",
            "roster",
            "stanza",
            "xml",
        ],
    ),
];

/// The wiring above the rooms: each may import every room, and of the wiring what stands before it.
const WIRING: &[&str] = &["config", "server", "agent", "main"];

/// The most lines that a file may have: past this there is a second noun in it.
const LINES_MAX: usize = 500;

/// One source file: its path below `src/`, and its text.
struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Source {
        Source {
            path: path.into(),
            text: text.to_owned(),
        }
    }

    /// The module that the file is: `store/mod.rs` is `["store"]`, `store/keys.rs` is `["store", "keys"]`.
    fn module(&self) -> Vec<String> {
        let mut module: Vec<String> = self
            .path
            .with_extension("")
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
            module.pop();
        }
        module
    }
}

/// Everything under `src/`.
fn sources() -> Vec<Source> {
    fn walk(dir: &Path, root: &Path, found: &mut Vec<Source>) {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(dir)
            .expect("a readable src/")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                walk(&path, root, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("UTF-8 source");
                found.push(Source {
                    path: path.strip_prefix(root).expect("below src/").to_owned(),
                    text,
                });
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &root, &mut found);
    assert!(
        found.len() > 20,
        "src/ has only {} files: is this the right folder?",
        found.len()
    );
    found
}

/// What the checker reads out of one file: the module paths it names, and what it should not say.
struct Reader {
    /// The module being read; grows inside an inline `mod`.
    module: Vec<String>,
    /// Absolute module paths named in code, `crate` left out.
    named: BTreeSet<Vec<String>>,
    /// `#[cfg(test)] mod x;`: modules that exist in tests only.
    test_modules: BTreeSet<Vec<String>>,
    /// Sentences about constructs that are never written.
    faults: Vec<String>,
}

impl Reader {
    fn read(source: &Source) -> Reader {
        let file = syn::parse_file(&source.text).unwrap_or_else(|error| panic!("{}: {error}", source.path.display()));
        let mut reader = Reader {
            module: source.module(),
            named: BTreeSet::new(),
            test_modules: BTreeSet::new(),
            faults: Vec::new(),
        };
        reader.visit_file(&file);
        reader
    }

    /// Takes a path as written; keeps it when it starts at the crate, or relative to the module.
    fn name(&mut self, path: &[String]) {
        let mut base = match path.first().map(String::as_str) {
            Some("crate" | "watchpost") => Vec::new(),
            Some("self") => self.module.clone(),
            Some("super") => self.module[..self.module.len().saturating_sub(1)].to_vec(),
            _ => return,
        };
        let mut rest = &path[1..];
        while rest.first().is_some_and(|part| part == "super") {
            base.pop();
            rest = &rest[1..];
        }
        base.extend_from_slice(rest);
        if !base.is_empty() {
            self.named.insert(base);
        }
    }

    fn name_use_tree(&mut self, prefix: &[String], tree: &syn::UseTree) {
        let with = |part: &syn::Ident| [prefix, &[part.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.name_use_tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.name(&with(&name.ident)),
            syn::UseTree::Rename(rename) => self.name(&with(&rename.ident)),
            syn::UseTree::Glob(_) => self.name(prefix),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.name_use_tree(prefix, tree)),
        }
    }

    /// Paths inside a macro's tokens, which syn leaves unparsed.
    fn name_tokens(&mut self, tokens: &str) {
        let words: Vec<&str> = tokens.split_whitespace().collect();
        for start in 0..words.len() {
            let first = words[start].trim_start_matches(['(', '[', '{', '&', '*', '!']);
            if !matches!(first, "crate" | "super" | "self") {
                continue;
            }
            let mut path = vec![first.to_owned()];
            let mut at = start + 1;
            while words.get(at) == Some(&"::") && at + 1 < words.len() {
                let word = words[at + 1];
                let end = word
                    .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                    .unwrap_or(word.len());
                path.push(word[..end].to_owned());
                at += if end == word.len() { 2 } else { words.len() };
            }
            if path.len() > 1 {
                self.name(&path);
            }
        }
    }
}

fn is_test_only(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| {
                list.tokens
                    .to_string()
                    .split(|c: char| !c.is_alphanumeric())
                    .any(|w| w == "test")
            })
    })
}

fn item_attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        _ => &[],
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test_only(item_attributes(item)) {
            visit::visit_item(self, item);
        } else if let syn::Item::Mod(module) = item
            && module.content.is_none()
        {
            self.test_modules
                .insert([&self.module[..], &[module.ident.to_string()]].concat());
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_test_only(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.name_use_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if parts.len() > 1 {
            self.name(&parts);
        }
        if parts.iter().any(|part| part == "unbounded_channel") {
            self.faults.push("an unbounded channel".to_owned());
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let syn::Expr::Path(function) = &*call.func {
            let mut parts = function
                .path
                .segments
                .iter()
                .rev()
                .map(|segment| segment.ident.to_string());
            let (name, room) = (parts.next(), parts.next());
            if name.as_deref() == Some("channel") && room.as_deref() == Some("mpsc") && call.args.is_empty() {
                self.faults
                    .push("an unbounded channel (std::sync::mpsc::channel)".to_owned());
            }
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        let tokens = mac.tokens.to_string();
        self.name_tokens(&tokens);
        let name = mac
            .path
            .segments
            .last()
            .map(|segment| segment.ident.to_string())
            .unwrap_or_default();
        if matches!(name.as_str(), "format" | "write" | "writeln" | "format_args" | "concat") && writes_xml(&tokens) {
            self.faults.push(format!("{name}! that writes XML: {tokens}"));
        }
        visit::visit_macro(self, mac);
    }
}

/// Whether a formatting macro's first literal looks like XML.
fn writes_xml(tokens: &str) -> bool {
    let Some(start) = tokens.find('"') else { return false };
    let literal = &tokens[start + 1..];
    let literal = &literal[..literal
        .find("\" ,")
        .or_else(|| literal.rfind('"'))
        .unwrap_or(literal.len())];
    literal.trim_start().starts_with('<') || literal.contains("</") || literal.contains("/>")
}

/// Whether one module may name another.
fn allowed(from: &[String], to: &[String], submodules: &BTreeSet<Vec<String>>) -> Result<(), String> {
    let Some(room) = from.first() else { return Ok(()) };
    let target = &to[0];
    if room == target {
        let leaves_feature = room == "modules" && from.len() > 1 && to.get(1) != from.get(1);
        let is_sibling = to.len() > 1 && submodules.contains(&to[..2]);
        return match leaves_feature {
            true if is_sibling => Err(format!("modules::{} names its sibling modules::{}", from[1], to[1])),
            true => Err(format!("modules::{} names {}", from[1], to.join("::"))),
            false => Ok(()),
        };
    }
    let rooms: BTreeMap<&str, &[&str]> = TABLE.iter().copied().collect();
    let known = rooms.contains_key(target.as_str()) || WIRING.contains(&target.as_str());
    let may = match rooms.get(room.as_str()) {
        Some(may) => may.contains(&target.as_str()),
        None => match WIRING.iter().position(|wiring| wiring == room) {
            Some(at) => rooms.contains_key(target.as_str()) || WIRING[..at].contains(&target.as_str()),
            None => return Err(format!("the room {room} is not in the table")),
        },
    };
    match (may, known) {
        (true, _) => Ok(()),
        (false, true) => Err(format!("{} names {}", from.join("::"), to.join("::"))),
        (false, false) => Err(format!("{} names {}, which is no room", from.join("::"), to.join("::"))),
    }
}

/// All that is wrong with these sources, a sentence each.
fn check(sources: &[Source]) -> Vec<String> {
    let readers: Vec<(&Source, Reader)> = sources.iter().map(|source| (source, Reader::read(source))).collect();
    let submodules: BTreeSet<Vec<String>> = sources
        .iter()
        .map(Source::module)
        .filter(|module| module.len() > 1)
        .map(|m| m[..2].to_vec())
        .collect();
    let test_modules: BTreeSet<Vec<String>> = readers
        .iter()
        .flat_map(|(_, reader)| reader.test_modules.iter().cloned())
        .collect();
    let mut faults = Vec::new();
    for (source, reader) in &readers {
        let module = source.module();
        let mut fault = |sentence: String| faults.push(format!("{}: {sentence}", source.path.display()));
        if !source.text.starts_with("//!") {
            fault("does not begin with a //! line".to_owned());
        }
        let lines = source.text.lines().count();
        if lines > LINES_MAX {
            fault(format!("{lines} lines, more than {LINES_MAX}"));
        }
        if (1..=module.len()).any(|depth| test_modules.contains(&module[..depth])) {
            continue;
        }
        for named in &reader.named {
            if let Err(sentence) = allowed(&module, named, &submodules) {
                fault(sentence);
            }
        }
        reader.faults.iter().cloned().for_each(&mut fault);
    }
    faults
}

#[test]
fn the_source_keeps_to_the_table() {
    let faults = check(&sources());
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn the_checker_finds_what_is_planted() {
    let head = "//! A planted file.\n";
    let planted: &[(&str, &str, &str)] = &[
        ("xml/frame.rs", "use crate::store::Store;", "names store::Store"),
        (
            "xml/frame.rs",
            "fn f() { let _ = crate::router::Router::x(); }",
            "names router::Router::x",
        ),
        ("xml/frame.rs", "use super::super::{net, stanza::Stanza};", "names net"),
        (
            "stanza/error.rs",
            "mod inner { use super::super::super::net::Listener; }",
            "names net::Listener",
        ),
        (
            "monitor/mod.rs",
            "use crate::stanza::Role;",
            "monitor names stanza::Role",
        ),
        (
            "monitor/mod.rs",
            "fn f() { vec![crate::xml::Frame::x()]; }",
            "names xml::Frame",
        ),
        (
            "monitor/mod.rs",
            "pub(in crate::xml) fn f() {}\nfn g(_: crate::xml::Rope) {}",
            "names xml::Rope",
        ),
        (
            "modules/ping.rs",
            "use crate::modules::roster::Push;",
            "names its sibling modules::roster",
        ),
        (
            "modules/ping.rs",
            "use super::roster;",
            "names its sibling modules::roster",
        ),
        ("net/mod.rs", "use crate::modules::all;", "net names modules::all"),
        ("config.rs", "use crate::server::run;", "config names server::run"),
        ("main.rs", "use watchpost::unheard::Of;", "which is no room"),
        ("sorcery/mod.rs", "use crate::xml::Frame;", "not in the table"),
        (
            "net/mod.rs",
            "fn f() { tokio::sync::mpsc::unbounded_channel::<u8>(); }",
            "unbounded channel",
        ),
        (
            "net/mod.rs",
            "fn f() { std::sync::mpsc::channel::<u8>(); }",
            "unbounded channel",
        ),
        (
            "net/mod.rs",
            "fn f(a: u8) -> String { format!(\"<iq id='{a}'/>\") }",
            "writes XML",
        ),
    ];
    for (path, code, fault) in planted {
        let sources = [
            Source::new("modules/roster.rs", head),
            Source::new(path, &[head, code].concat()),
        ];
        let found = check(&sources).join("\n");
        assert!(
            found.contains(fault),
            "{path}: {code}\nfound {found:?}, and not {fault:?}"
        );
    }
    let long = Source::new("net/mod.rs", &[head, &"\n".repeat(LINES_MAX)].concat());
    assert!(check(&[long])[0].contains("lines, more than"));
    assert!(check(&[Source::new("net/mod.rs", "use std::fmt;")])[0].contains("//!"));
}

#[test]
fn the_checker_leaves_tests_and_allowed_arrows_alone() {
    let sources = [
        Source::new(
            "store/mod.rs",
            "//! A store.\nuse crate::roster::Item;\n#[cfg(test)]\nmod testing;\n",
        ),
        Source::new("store/testing.rs", "//! For tests.\nuse crate::net::Listener;\n"),
        Source::new(
            "modules/ping.rs",
            "//! Ping.\nuse crate::router::Module;\nuse self::inner::X;\nmod inner { use super::Y; }\n\
             #[cfg(test)]\nmod tests { use crate::modules::roster; use super::*; }\n",
        ),
        Source::new(
            "modules/roster.rs",
            "//! Roster.\nfn f(n: u8) -> String { format!(\"{n} < 3\") }\n",
        ),
        Source::new("server.rs", "//! Wiring.\nuse crate::{config::Config, modules, net};\n"),
    ];
    assert_eq!(check(&sources), Vec::<String>::new());
}
