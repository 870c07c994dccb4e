//! Secrets and certificates in files: nothing but what is meant is read, and whoever named the file is named.

use std::time::Duration;

use super::desk::{CANARY, Desk, halo};

const LINES: &str = "  preset: haloitsm
  instance: {env: HALO_INSTANCE}
  auth:
    oauth2:
      clientId: {env: CLIENT_ID}
      clientSecret: {file: secret}
";

#[tokio::test]
async fn a_secret_file_is_taken_as_it_is_meant() {
    let sim = halo(|_| {}).await;
    let desk = Desk::at(&sim, LINES).await;
    for text in [
        format!("{CANARY}\n"),
        format!("{CANARY}\r\n"),
        format!("\u{feff}{CANARY}"),
    ] {
        std::fs::write(desk.path("secret"), text).unwrap();
        desk.run(&["login", "people", "--check"]).await.expect(0);
    }
    for (text, why) in [
        (format!("{CANARY}\nsecond\n"), "holds more than one line"),
        (String::new(), "is empty"),
        ("x".repeat(70_000), "larger than 64 KiB"),
    ] {
        std::fs::write(desk.path("secret"), text).unwrap();
        let run = desk.run(&["login", "people", "--check"]).await.expect(65);
        assert!(
            run.stderr.contains(why) && run.stderr.contains("source.yaml:"),
            "{}",
            run.stderr
        );
    }
}

#[tokio::test]
async fn a_secret_of_the_environment_is_held_to_the_same() {
    let sim = halo(|_| {}).await;
    let lines = LINES.replace("{file: secret}", "{env: SECRET}");
    let mut desk = Desk::at(&sim, &lines).await;
    desk.set("SECRET", &format!("{CANARY}\n"));
    desk.run(&["login", "people", "--check"]).await.expect(0);
    for (text, why) in [
        (format!("{CANARY}\nsecond"), "holds more than one line"),
        (" ".to_owned(), "is empty"),
    ] {
        desk.set("SECRET", &text);
        let run = desk.run(&["login", "people", "--check"]).await.expect(65);
        assert!(
            run.stderr
                .contains(&format!("environment variable SECRET {why}"))
                && run.stderr.contains("(source.yaml:"),
            "{}",
            run.stderr
        );
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_pipe_is_not_waited_for_and_a_device_not_read() {
    let sim = halo(|_| {}).await;
    let desk = Desk::at(&sim, LINES).await;
    let made = std::process::Command::new("mkfifo")
        .arg(desk.path("secret"))
        .status()
        .expect("mkfifo is there");
    assert!(made.success());
    let run = desk.run(&["login", "people", "--check"]);
    let run = tokio::time::timeout(Duration::from_secs(60), run)
        .await
        .expect("nobody waits for a writer")
        .expect(65);
    assert!(run.stderr.contains("it is a pipe"), "{}", run.stderr);
    std::fs::remove_file(desk.path("secret")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", desk.path("secret")).unwrap();
    let run = desk.run(&["login", "people", "--check"]).await.expect(65);
    assert!(run.stderr.contains("not a regular file"), "{}", run.stderr);
}

#[tokio::test]
async fn a_file_without_certificates_names_who_names_it() {
    let sim = halo(|_| {}).await;
    let lines = LINES.replace("{file: secret}", "{env: SECRET}");
    let mut desk = Desk::at(&sim, &format!("  ca: none.pem\n{lines}")).await;
    std::fs::write(desk.path("none.pem"), "# nothing\n").unwrap();
    desk.set("CORP_CA_FILE", "none.pem");
    let run = desk.plan().await.expect(65);
    assert!(
        run.stderr
            .contains("certificate file none.pem holds no certificate"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("(source.yaml:"), "{}", run.stderr);
    assert!(
        run.stderr
            .contains("(environment variable CORP_CA_FILE, target.yaml:"),
        "{}",
        run.stderr
    );
}

#[tokio::test]
async fn a_refused_directory_password_names_where_it_comes_from() {
    let sim = halo(|_| {}).await;
    let lines = LINES.replace("{file: secret}", "{env: SECRET}");
    let mut desk = Desk::at(&sim, &lines).await;
    desk.set("CORP_READ_PASSWORD", "wrong");
    let run = desk.plan().await.expect(77);
    assert!(
        run.stderr.contains(
            "the password comes from environment variable CORP_READ_PASSWORD (target.yaml:"
        ),
        "{}",
        run.stderr
    );
}

#[tokio::test]
async fn an_address_with_a_password_is_refused_and_not_shown() {
    let sim = halo(|_| {}).await;
    let lines = LINES.replace("{file: secret}", "{env: SECRET}");
    let mut desk = Desk::at(&sim, &lines).await;
    desk.set("HALO_INSTANCE", "https://jo:c4nary@halo.example.test");
    let run = desk.plan().await.expect(65);
    assert!(
        run.stderr.contains("holds a user name or a password")
            && run.stderr.contains("HALO_INSTANCE")
            && !run.stderr.contains("c4nary"),
        "{}",
        run.stderr
    );
}
