//! The first documents a probe writes.

use super::*;

/// A Source that says only how to get in, as somebody has it who wants to know what is there.
const FIRST_SOURCE: &str = "apiVersion: halosync/v1
kind: Source
metadata: {name: people}
spec:
  preset: haloitsm
  resourceServer: {env: HALO_RESOURCE_SERVER}
  authorisationServer: {env: HALO_AUTHORISATION_SERVER}
  tenant: {env: HALO_TENANT}
  auth: {oauth2: {clientId: {env: HALO_CLIENT_ID}, clientSecret: {env: HALO_CLIENT_SECRET}}}
  endpoints: {users: {path: /Users, query: {include_custom_fields: \"1,2,3,4\"}}}
  person:
    include: \"not users.isserviceaccount and not users.is_prospect\"
    fields:
      displayName: {from: users.name}
";

#[tokio::test(flavor = "multi_thread")]
async fn a_first_mapping_is_valid_and_plans() {
    let lab = Lab::new(people_from(&generate(60, 11))).await;
    for file in ["groups.yaml", "lifecycle.yaml", "mappings/employees.yaml"] {
        std::fs::remove_file(lab.dir.path().join(file)).unwrap();
    }
    for folder in ["tables", "templates", "tests"] {
        std::fs::remove_dir_all(lab.dir.path().join(folder)).unwrap();
    }
    lab.edit(
        "halosync.yaml",
        "    - lifecycle.yaml\n    - groups.yaml\n",
        "",
    );
    lab.write("sources/people.yaml", FIRST_SOURCE);
    lab.edit(
        "targets/corp.yaml",
        "      - OU=Leavers,DC=corp,DC=example,DC=test\n",
        "",
    );
    lab.edit(
        "targets/corp.yaml",
        "  protected:\n    - CN=Break Glass,OU=IT,OU=People,DC=corp,DC=example,DC=test\n",
        "",
    );
    let scaffold = [
        "probe",
        "source",
        "people",
        "--scaffold",
        "mapping",
        "--out",
        "mappings/first.yaml",
    ];
    let run = lab.run(&scaffold).await.expect(0);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("sources/people.yaml"), "{}", run.stderr);
    let written = std::fs::read_to_string(lab.dir.path().join("mappings/first.yaml")).unwrap();
    compare("scaffold.yaml", &settled(&written));

    let again = lab.run(&scaffold).await.expect(64);
    assert!(
        again.stderr.contains("replaces nothing"),
        "{}",
        again.stderr
    );

    std::fs::remove_file(lab.dir.path().join("sources/people.yaml")).unwrap();
    // The limits of the example speak of a field that the scaffold does not have.
    std::fs::remove_file(lab.dir.path().join("guards.yaml")).unwrap();
    lab.edit("halosync.yaml", "    - guards.yaml\n", "");
    // What is included and matches nothing is an error.
    let left = std::fs::read_to_string(lab.dir.path().join("halosync.yaml")).unwrap();
    for folder in ["sources", "templates", "tests", "tables"] {
        let pattern = format!("    - {folder}/*.yaml\n");
        let there = std::fs::read_dir(lab.dir.path().join(folder));
        let yaml = |entry: std::io::Result<std::fs::DirEntry>| {
            entry
                .unwrap()
                .path()
                .extension()
                .is_some_and(|end| end == "yaml")
        };
        if left.contains(&pattern) && !there.is_ok_and(|mut there| there.any(yaml)) {
            lab.edit("halosync.yaml", &pattern, "");
        }
    }
    let valid = lab.run(&["validate"]).await.expect(0);
    assert!(!valid.stderr.contains("warning"), "{}", valid.stderr);
    let plan = lab.run(&["plan", "--detailed-exitcode"]).await.expect(2);
    assert!(plan.stdout.contains("Create"), "{}", plan.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scaffold_keeps_what_is_configured() {
    let mut everyone = people_from(&generate(30, 2));
    for (index, person) in everyone.iter_mut().enumerate() {
        let fields = &mut person.customfields;
        fields.push(CustomValue::text(
            "CFkind's of: \"work\" # {x}",
            &format!("v{index}"),
        ));
    }
    let lab = Lab::new(everyone).await;
    lab.edit(
        "sources/people.yaml",
        "\"201,202,203\"",
        "\"200,201,202,203,204,205,206\"",
    );
    lab.edit(
        "sources/people.yaml",
        "    fields:\n",
        "    fields:\n      town: {from: users.site_id, select: {\"1\": London, \"no\": Oslo}, none: [\"7\"], \
         normalise: {whitespace: collapse}, rules: [{maxLength: 60, severity: warn}]}\n",
    );
    let before = lab.dir.path().join("sources/people.yaml");
    let before = std::fs::read_to_string(before).unwrap();
    let scaffold = [
        "probe",
        "source",
        "people",
        "--scaffold",
        "mapping",
        "--target",
        "corp",
    ];
    let run = lab.run(&scaffold).await.expect(0);
    for kept in [
        "description: \"Everyone HaloITSM knows\"",
        r#"from: "customField('CFkind\\'s of: \"work\" # {x}')""#,
        r#""1": "London""#,
        r#"rules: [{maxLength: 60, severity: "warn"}]"#,
        "managerNumber: {from: \"users.other4\"}",
        "sentinels:",
        "label: displayName",
    ] {
        assert!(run.stdout.contains(kept), "{kept} in\n{}", run.stdout);
    }
    assert!(
        !run.stdout.contains(SECRET) && !run.stdout.contains("acme\""),
        "{}",
        run.stdout
    );
    let source = run.stdout.split("\n---\n").next().unwrap();
    let (before, after): (Value, Value) = (
        serde_yaml::from_str(&before).unwrap(),
        serde_yaml::from_str(source).unwrap(),
    );
    left_out(&before, &after, "");
    std::fs::remove_file(lab.dir.path().join("mappings/employees.yaml")).unwrap();
    lab.edit("halosync.yaml", "    - mappings/*.yaml\n", "");
    lab.write("sources/people.yaml", &run.stdout);
    lab.run(&["validate"]).await.expect(0);

    let run = lab
        .run(&[
            "probe",
            "source",
            "people",
            "--scaffold",
            "mapping",
            "--target",
            "nowhere",
        ])
        .await
        .expect(64);
    assert!(run.stderr.contains("there is corp"), "{}", run.stderr);
    for id in lab.halo.state().ids() {
        lab.halo.state().remove(id);
    }
    let run = lab.run(&scaffold).await.expect(69);
    assert_eq!(run.stdout, "");
}

/// Fails where something that was configured is not there, but for what is said by saying nothing.
#[track_caller]
fn left_out(before: &Value, after: &Value, place: &str) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for (name, value) in before {
                let place = format!("{place}/{name}");
                match after.get(name) {
                    Some(found) => left_out(value, found, &place),
                    None => assert!(
                        value == &Value::Bool(false) || value == "text" || value == "no",
                        "{place} is gone"
                    ),
                }
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            assert_eq!(before.len(), after.len(), "{place}");
            for (before, after) in before.iter().zip(after) {
                left_out(before, after, place);
            }
        }
        // `true` is short for `hold`.
        (Value::Bool(true), Value::String(word)) if word == "hold" => {}
        (before, after) => assert_eq!(before, after, "{place}"),
    }
}
