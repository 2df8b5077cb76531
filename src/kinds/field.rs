//! Fields: what a kind can be given. They are data, which parser, help and documents read alike.

/// How a field's value is read and rendered.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Text.
    Text,
    /// A path on the host (a leading `~/` is a home there).
    Path,
    /// A path on this machine; the file's bytes are the value.
    LocalPath,
    /// A path on this machine, of a file or a folder; everything in it is the value.
    LocalTree,
    /// A path on this machine; the file is a template, and the value is what it renders to.
    LocalTemplate,
    /// A path on this machine that a step writes to; it may not be there yet.
    LocalTarget,
    /// Shell text; values in it are quoted.
    Shell,
    /// An expression without braces, or a list of them: each becomes `true` or `false`, here or on the host.
    Conditions,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer,
    /// Octal digits of a file mode.
    Mode,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A text or a list of texts.
    Texts,
    /// Names or ids of earlier steps. The shell finds `1` where one of them has changed something that this step has not acted on.
    Steps,
    /// A map from names to texts.
    TextMap,
    /// A map from names to texts, or to `{ prepend: TEXT }` or `{ value: TEXT }`.
    Values,
    /// An entry or a list of entries with these fields. An entry that is a text, or a list of texts, stands for its
    /// first field.
    List(&'static [Field]),
}

/// What other tools call the states of a thing, and what to write.
const STATES: &[(&str, &str)] = &[
    ("latest", "write `state: present`; only `package` updates what is there, with `state: latest`"),
    ("installed", "write `state: present`"),
    ("removed", "write `state: absent`"),
    ("uninstalled", "write `state: absent`"),
    ("purged", "write `state: absent`"),
];

/// What other tools call the states of a service, and what to write.
const SERVICE_STATES: &[(&str, &str)] = &[
    (
        "restarted",
        "write `state: started`, and `restart_on: [STEP]` with the steps after whose changes it shall be restarted",
    ),
    (
        "reloaded",
        "write `state: started`, and `reload_on: [STEP]` with the steps after whose changes it shall be reloaded",
    ),
    ("running", "write `state: started`"),
    ("enabled", "write `enabled: true`"),
    ("disabled", "write `enabled: false`"),
];

/// What other tools call the states of a mount, and what to write.
const MOUNT_STATES: &[(&str, &str)] = &[
    ("remounted", "write `state: mounted`: where only the options differ, what is mounted is remounted"),
    ("absent_from_fstab", "write `state: ephemeral` to have it mounted without a line in /etc/fstab"),
    ("fstab", "write `state: present` for a line in /etc/fstab alone"),
];

/// What to write where a value is a word of another tool instead of one of these.
pub(crate) fn instead_of(words: &[&str], value: &str) -> Option<&'static str> {
    let states = match words {
        _ if words.contains(&"mounted") => MOUNT_STATES,
        _ if words.contains(&"present") => STATES,
        _ if words.contains(&"started") => SERVICE_STATES,
        _ => return None,
    };
    states.iter().find(|(word, _)| *word == value && !words.contains(word)).map(|(_, instead)| *instead)
}

impl PartialEq for Shape {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::OneOf(words), Self::OneOf(other)) => words == other,
            (Self::List(fields), Self::List(other)) => std::ptr::eq(*fields, *other),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

impl Eq for Shape {}

impl Shape {
    /// What a field of this shape wants, in words.
    pub fn words(self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Path => "path on the host".to_owned(),
            Self::LocalPath | Self::LocalTree | Self::LocalTemplate | Self::LocalTarget => {
                "path on this machine".to_owned()
            }
            Self::Shell => "shell".to_owned(),
            Self::Conditions => "expression, or list of them".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Integer => "whole number".to_owned(),
            Self::Mode => "octal mode".to_owned(),
            Self::OneOf(words) => words.join(" | "),
            Self::Texts => "text or list of texts".to_owned(),
            Self::Steps => "step name or id, or list of them".to_owned(),
            Self::TextMap => "names and texts".to_owned(),
            Self::Values => "names and texts, or `{ prepend: TEXT }`".to_owned(),
            Self::List(fields) => {
                let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
                format!("text, map or list of them: {}", names.join(", "))
            }
        }
    }
}

/// What a text must look like.
#[derive(Debug)]
pub struct Pattern {
    /// What the text is, as in "invalid *unit name* `a b`".
    pub what: &'static str,
    /// Whether a text is one.
    pub fits: fn(&str) -> bool,
    /// The same question about `$pb_value`, for a value that only the host knows: a shell command that fails where it is
    /// not one. It may refuse more than `fits` does, and never less; a test compares the two.
    pub on_host: &'static str,
    /// What to write instead.
    pub hint: &'static str,
}

/// One path: a check asks for that name, and not for whatever fits a pattern.
pub const ONE_PATH: Pattern = Pattern {
    what: "path",
    fits: |path| !path.contains(['*', '?']),
    on_host: "case $pb_value in *[*?]*) false ;; esac",
    hint: "this is a pattern, and one path is wanted: name a file that is always there afterwards",
};

/// One field of a kind, or of an entry of a list.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The YAML key; `*` stands for every key that no other field names, as one map.
    pub name: &'static str,
    /// How it is read.
    pub shape: Shape,
    /// One sentence for help.
    pub doc: &'static str,
    /// Whether a step without it is an error.
    pub required: bool,
    /// What it is where it was not given; empty for nothing.
    pub default: &'static str,
    /// What each of its texts must look like.
    pub pattern: Option<&'static Pattern>,
    /// What the names of a map must look like.
    pub names: Option<&'static Pattern>,
    /// Whether a list reaches the shell as one word, joined by commas.
    pub joined: bool,
    /// Whether no two entries of a list may have the same first field.
    pub unique: bool,
    /// Whether a secret in it stands in no argument list.
    pub keeps_secrets: bool,
    /// For shell that judges new bytes: the field with the path that they are for. `{}` in the shell is the file that holds them.
    pub judges: Option<&'static str>,
    /// For shell: the field that an expression, or a list of them, is for where it is written here.
    pub expressions: Option<&'static str>,
}

impl Field {
    /// An optional field.
    pub const fn new(name: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self {
            name,
            shape,
            doc,
            required: false,
            default: "",
            pattern: None,
            names: None,
            joined: false,
            unique: false,
            keeps_secrets: false,
            judges: None,
            expressions: None,
        }
    }

    /// A step without it is an error, and so is an empty value.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// A secret in it stands in no argument list, and in no place that others can read.
    #[must_use]
    pub const fn keeps_secrets(mut self) -> Self {
        self.keeps_secrets = true;
        self
    }

    /// Its value where it was not given; the help says so.
    #[must_use]
    pub const fn default(mut self, value: &'static str) -> Self {
        self.default = value;
        self
    }

    /// Each of its texts must look like this.
    #[must_use]
    pub const fn matching(mut self, pattern: &'static Pattern) -> Self {
        self.pattern = Some(pattern);
        self
    }

    /// The names of the map must look like this.
    #[must_use]
    pub const fn names(mut self, pattern: &'static Pattern) -> Self {
        self.names = Some(pattern);
        self
    }

    /// Its texts reach the shell as one word, joined by commas; a text with commas in it counts as several.
    #[must_use]
    pub const fn joined(mut self) -> Self {
        self.joined = true;
        self
    }

    /// An expression that is written here, or a list of them, is meant for that field.
    #[must_use]
    pub const fn or_expressions(mut self, field: &'static str) -> Self {
        self.expressions = Some(field);
        self
    }

    /// No two entries may have the same first field.
    #[must_use]
    pub const fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    /// The sentence for help, with the default.
    pub fn sentence(&self) -> String {
        if self.default.is_empty() {
            return self.doc.to_owned();
        }
        format!("{}; by default `{}`.", self.doc.trim_end_matches('.'), self.default)
    }
}

/// A text.
pub const fn text(name: &'static str, doc: &'static str) -> Field {
    Field::new(name, Shape::Text, doc)
}

/// A path on the host.
pub const fn path(name: &'static str, doc: &'static str) -> Field {
    Field::new(name, Shape::Path, doc)
}

/// A local file, whose bytes are the value.
pub const fn local_path(name: &'static str, doc: &'static str) -> Field {
    Field::new(name, Shape::LocalPath, doc)
}

/// A local file or folder, with everything in it.
pub const fn local_tree(name: &'static str, doc: &'static str) -> Field {
    Field::new(name, Shape::LocalTree, doc)
}

/// A local file that is rendered like any value of the playbook.
pub const fn local_template(name: &'static str, doc: &'static str) -> Field {
    Field::new(name, Shape::LocalTemplate, doc)
}

/// A local path that the step writes to.
pub const fn local_target(name: &'static str, doc: &'static str) -> Field {
    Field::new(name, Shape::LocalTarget, doc)
}

/// Shell of the author.
pub const fn shell(name: &'static str, doc: &'static str) -> Field {
    Field::new(name, Shape::Shell, doc)
}

/// Expressions, as `when` has them.
pub const fn conditions(name: &'static str, doc: &'static str) -> Field {
    Field::new(name, Shape::Conditions, doc)
}

/// Shell that judges the new bytes for the path in the field `of` before they are in place: see `pb_validate`.
pub const fn validate(of: &'static str) -> Field {
    let doc = "Shell that judges the new bytes before they are in place, such as `visudo -cf {}`: `{}` is a file beside the old one that holds them. Where it fails, the step fails and the old file stays.";
    let field = Field::new("validate", Shape::Shell, doc);
    Field { judges: Some(of), ..field }
}

/// `true` or `false`; neither where it was not given.
pub const fn boolean(name: &'static str, doc: &'static str) -> Field {
    Field::new(name, Shape::Bool, doc)
}

/// A whole number.
pub const fn integer(name: &'static str, doc: &'static str) -> Field {
    Field::new(name, Shape::Integer, doc)
}

/// A file mode, which reaches the shell as four octal digits.
pub const fn mode(name: &'static str, doc: &'static str) -> Field {
    Field::new(name, Shape::Mode, doc)
}

/// One of some words.
pub const fn one_of(name: &'static str, words: &'static [&'static str], doc: &'static str) -> Field {
    Field::new(name, Shape::OneOf(words), doc)
}

/// A text or a list of texts.
pub const fn texts(name: &'static str, doc: &'static str) -> Field {
    Field::new(name, Shape::Texts, doc)
}

/// Names or ids of earlier steps, whose changes are owed to this step until it has acted on them.
pub const fn steps(name: &'static str, doc: &'static str) -> Field {
    Field::new(name, Shape::Steps, doc)
}

/// A map from names to texts.
pub const fn text_map(name: &'static str, doc: &'static str) -> Field {
    Field::new(name, Shape::TextMap, doc)
}

/// An entry or a list of entries with fields of their own.
pub const fn list(name: &'static str, fields: &'static [Field], doc: &'static str) -> Field {
    Field::new(name, Shape::List(fields), doc)
}

/// Every key that no other field names, as one map of values that may be put in front of others.
pub const fn rest_values(doc: &'static str) -> Field {
    Field::new("*", Shape::Values, doc)
}

/// Every key that no other field names, as one map; it reaches the shell as `$arg_rest`.
pub const fn rest(doc: &'static str) -> Field {
    Field::new("*", Shape::TextMap, doc)
}
