# What a reader of README and of the documentation finds.

readme() { tests/readme; }
documentation() { RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --quiet; }

slow "README's commands in an empty folder" readme
slow "documentation without warnings" documentation
