//! Contents that are carried as raw bytes behind the program's text.

/// Raw bytes that stand behind the program's text; their places are known only once the text is whole.
#[derive(Default)]
pub(super) struct Blobs {
    bytes: Vec<Vec<u8>>,
}

impl Blobs {
    /// Digits for a place in the file, the same number of them whatever the place is.
    const WIDTH: usize = 10;

    /// Takes a blob in and gives the shell that writes it to standard output.
    pub(super) fn add(&mut self, bytes: &[u8]) -> String {
        self.bytes.push(bytes.to_vec());
        format!("tail -c +{} \"$pb_plan\" | head -c {}", Self::mark(self.bytes.len() - 1), bytes.len())
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn mark(index: usize) -> String {
        format!("@{index:0width$}", width = Self::WIDTH - 1)
    }

    /// Puts the blobs behind the text and writes their places into it.
    pub(super) fn place(self, text: String) -> Vec<u8> {
        let mut at = text.len() + 1;
        let mut text = text;
        for (index, bytes) in self.bytes.iter().enumerate() {
            text = text.replacen(&Self::mark(index), &format!("{at:0width$}", width = Self::WIDTH), 1);
            at += bytes.len();
        }
        let mut file = text.into_bytes();
        file.extend(self.bytes.into_iter().flatten());
        file
    }
}
