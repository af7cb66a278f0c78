//! The text of `watchpost config`: valid TOML that says what each setting means.

/// Columns of a comment.
const WIDTH: usize = 100;

/// A TOML document in the making.
#[derive(Debug, Default)]
pub struct Document {
    text: String,
}

impl Document {
    /// Starts a section.
    pub fn section(&mut self, key: &str, meaning: &str) {
        self.text.push('\n');
        self.comment(meaning);
        self.line(&format!("[{key}]"));
    }

    /// One setting, with its meaning and its default; one that is not set stands as a comment.
    pub fn value(&mut self, key: &str, meaning: &str, value: Option<String>, default: Option<String>) {
        let default = default.unwrap_or_else(|| "not set".to_owned());
        self.comment(&format!("{} Default: {default}.", meaning.trim()));
        match value {
            Some(value) => self.line(&format!("{key} = {value}")),
            None => self.line(&format!("# {key} =")),
        }
    }

    /// A list of tables; when it is empty, an example of one stands as a comment.
    pub fn tables(&mut self, key: &str, meaning: &str, rows: &[String], example: &str) {
        self.text.push('\n');
        self.comment(meaning);
        if rows.is_empty() {
            self.commented(&format!("[[{key}]]\n{example}"));
        }
        for row in rows {
            self.line(&format!("[[{key}]]\n{}", row.trim_end()));
        }
    }

    /// A comment, wrapped.
    pub fn comment(&mut self, text: &str) {
        let mut line = String::from("#");
        for word in text.split_whitespace() {
            if line.len() + 1 + word.len() > WIDTH {
                self.line(&line);
                line.truncate(1);
            }
            line.push(' ');
            line.push_str(word);
        }
        self.line(&line);
    }

    /// The finished text.
    pub fn finish(self) -> String {
        self.text
    }

    fn commented(&mut self, text: &str) {
        for line in text.lines() {
            self.line(&format!("# {line}"));
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}
