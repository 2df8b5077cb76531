//! Parts of paths, as POSIX's `basename` and Python's `os.path` name them.

use minijinja::{Error, Value};

use super::encode::text;

/// The filter `basename`: what is behind the last `/`.
pub(super) fn basename(value: &Value) -> Result<String, Error> {
    let path = text("basename", value)?;
    Ok(path.rsplit('/').next().unwrap_or_default().to_owned())
}

/// The filter `dirname`: what is before the last `/`.
pub(super) fn dirname(value: &Value) -> Result<String, Error> {
    let path = text("dirname", value)?;
    Ok(match path.rfind('/') {
        None => String::new(),
        Some(at) => match path[..at].trim_end_matches('/') {
            "" => "/".to_owned(),
            before => before.to_owned(),
        },
    })
}

/// The filter `splitext`: the path without its extension, and the extension with its dot.
pub(super) fn splitext(value: &Value) -> Result<Vec<String>, Error> {
    let path = text("splitext", value)?;
    let name = path.rfind('/').map_or(0, |at| at + 1);
    let first = name + path[name..].len() - path[name..].trim_start_matches('.').len();
    let at = path[first..].rfind('.').map_or(path.len(), |at| first + at);
    Ok(vec![path[..at].to_owned(), path[at..].to_owned()])
}
