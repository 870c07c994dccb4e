//! The `halosync` program: parse, run, exit code.

fn main() -> std::process::ExitCode {
    halosync::cli::main()
}
