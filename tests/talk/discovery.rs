//! Discovery is the catalogue.

use super::*;

#[tokio::test]
async fn disco_info_tells_the_monitor_and_every_feature_at_the_full_and_the_bare_jid() {
    let server = server("");
    let mut client = client(&server).await;
    client.appear().await;
    client.watch_collector().await;
    for to in [COLLECTOR_FULL, COLLECTOR] {
        let info = client
            .get(Some(to), &format!("<query xmlns='{}'/>", ns::DISCO_INFO))
            .await
            .expect("an answer");
        let identities: Vec<_> = children(&info, "identity")
            .map(|id| (attr(id, "category"), attr(id, "type"), attr(id, "name")))
            .collect();
        assert!(
            identities.contains(&("monitor".into(), "server".into(), "XMPP Monitor".into())),
            "{to}: {identities:?}"
        );
        let features: BTreeSet<String> = children(&info, "feature").map(|feature| attr(feature, "var")).collect();
        let mut wanted = vec![ns::DISCO_INFO, ns::DISCO_ITEMS];
        match to {
            COLLECTOR_FULL => {
                assert!(
                    identities
                        .iter()
                        .any(|id| (id.0.as_str(), id.1.as_str()) == ("client", "bot"))
                );
                wanted.extend([
                    "codebits",
                    "codebits+notify",
                    ns::COMMANDS,
                    ns::STATS,
                    "urn:xmpp:ping",
                    "jabber:iq:version",
                ]);
            }
            _ => {
                let kinds: Vec<_> = identities.iter().map(|id| (id.0.as_str(), id.1.as_str())).collect();
                assert!(
                    kinds.contains(&("account", "registered")) && kinds.contains(&("pubsub", "pep")),
                    "{kinds:?}"
                );
            }
        }
        for feature in wanted {
            assert!(features.contains(feature), "{to}: no {feature} in {features:?}");
        }
    }
    for (feature, payload) in [
        ("urn:xmpp:ping", "<ping xmlns='urn:xmpp:ping'/>"),
        ("jabber:iq:version", "<query xmlns='jabber:iq:version'/>"),
    ] {
        client
            .iq(Some(COLLECTOR_FULL), IqRequest::Get(payload.parse().expect("XML")))
            .await
            .unwrap_or_else(|error| panic!("{feature} is announced and refused: {error:?}"));
    }
}

#[tokio::test]
async fn disco_items_list_the_statistics_and_disco_info_of_a_node_carries_the_values() {
    let server = server("");
    let mut client = client(&server).await;
    client.appear().await;
    client.watch_collector().await;
    for to in [COLLECTOR_FULL, COLLECTOR] {
        let items = client
            .get(Some(to), &format!("<query xmlns='{}'/>", ns::DISCO_ITEMS))
            .await
            .expect("items");
        let items: Vec<_> = children(&items, "item")
            .map(|i| (attr(i, "jid"), attr(i, "node"), attr(i, "name")))
            .collect();
        assert!(
            items.contains(&(to.into(), "cpu".into(), "CPU Load".into())),
            "{to}: {items:?}"
        );
        for node in ["memory", "swap", "disk", "network", "process", "uptime", "xmpp"] {
            assert!(
                items.iter().any(|item| item.1 == node && item.0 == to),
                "{to}: no {node} in {items:?}"
            );
        }
        let cpu = client
            .get(Some(to), &format!("<query xmlns='{}' node='cpu'/>", ns::DISCO_INFO))
            .await
            .expect("cpu");
        assert_eq!(cpu.attr("node"), Some("cpu"));
        let values: Vec<_> = cpu
            .children()
            .filter(|child| child.is("statistic", ns::CODEBITS))
            .map(|s| (attr(s, "name"), attr(s, "value"), attr(s, "units")))
            .collect();
        for name in ["1-min", "5-min", "15-min", "usage"] {
            let value = values
                .iter()
                .find(|value| value.0 == name)
                .unwrap_or_else(|| panic!("no {name}: {values:?}"));
            value
                .1
                .parse::<f64>()
                .unwrap_or_else(|error| panic!("{name} = {:?}: {error}", value.1));
        }
        assert!(
            values.iter().any(|v| v.0 == "usage" && !v.2.is_empty()),
            "usage has no units: {values:?}"
        );
        let form = cpu.get_child("x", ns::DATA).expect("an XEP-0128 form");
        assert_eq!(form.attr("type"), Some("result"));
        let fields: Vec<_> = children(form, "field")
            .map(|field| {
                (
                    attr(field, "var"),
                    children(field, "value").map(Element::text).collect::<String>(),
                )
            })
            .collect();
        assert!(fields.contains(&("FORM_TYPE".into(), "codebits".into())), "{fields:?}");
        let five = values.iter().find(|value| value.0 == "5-min").expect("5-min");
        assert!(
            fields.iter().any(|f| f.0.ends_with("5-min") && f.1 == five.1),
            "{five:?} is not in {fields:?}"
        );
        let unknown = client
            .get(Some(to), &format!("<query xmlns='{}' node='teapot'/>", ns::DISCO_INFO))
            .await;
        assert_eq!(condition(unknown), "ItemNotFound");
    }
    // A group with members is a hierarchy.
    let members = client
        .get(
            Some(COLLECTOR_FULL),
            &format!("<query xmlns='{}' node='cpu'/>", ns::DISCO_ITEMS),
        )
        .await
        .expect("members");
    assert!(
        children(&members, "item").any(|item| item.attr("node") == Some("cpu/0")),
        "{members:?}"
    );
    let member = client
        .get(
            Some(COLLECTOR_FULL),
            &format!("<query xmlns='{}' node='cpu/0'/>", ns::DISCO_INFO),
        )
        .await
        .expect("cpu/0");
    assert!(
        member.children().any(|child| child.is("statistic", ns::CODEBITS)),
        "{member:?}"
    );
}

#[tokio::test]
async fn the_same_values_answer_statistics_gathering() {
    let server = server("");
    let mut client = client(&server).await;
    client.appear().await;
    client.watch_collector().await;
    let list = client
        .get(Some(COLLECTOR_FULL), &format!("<query xmlns='{}'/>", ns::STATS))
        .await
        .expect("a list");
    let names: Vec<String> = children(&list, "stat").map(|stat| attr(stat, "name")).collect();
    let name = names
        .iter()
        .find(|name| name.contains("5-min"))
        .unwrap_or_else(|| panic!("no 5-min in {names:?}"));
    let query = format!(
        "<query xmlns='{}'><stat name='{name}'/><stat name='no/such'/></query>",
        ns::STATS
    );
    let values = client.get(Some(COLLECTOR_FULL), &query).await.expect("values");
    let stat = children(&values, "stat")
        .find(|stat| attr(stat, "name") == *name)
        .expect("the value");
    stat.attr("value").expect("a value").parse::<f64>().expect("a number");
    let missing = children(&values, "stat")
        .find(|stat| attr(stat, "name") == "no/such")
        .expect("an answer for it too");
    assert!(children(missing, "error").next().is_some(), "{missing:?}");
}
