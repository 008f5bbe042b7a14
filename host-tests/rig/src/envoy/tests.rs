use super::*;

const ANSWERS: &str = r#"
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 9901}}}
static_resources:
  listeners:
  - name: only
    address: {socket_address: {address: 127.0.0.1, port_value: 10000}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: only
          access_log:
          - name: file
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: /dev/stdout
              log_format: {json_format: {path: "%REQ(:PATH)%"}}
          route_config:
            virtual_hosts:
            - {name: all, domains: ["*"], routes: [{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: hello}}}]}
          http_filters:
          - name: router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
"#;

#[test]
fn a_run_answers_counts_logs_and_goes() {
    let mut envoy = Envoy::start(ANSWERS, &Options::default()).unwrap();
    assert!(envoy.is_running());
    assert_eq!(envoy.listener("only"), Some(envoy.address()));
    assert_eq!(
        http::request("GET", envoy.address(), "/x").unwrap(),
        "hello"
    );

    let records = envoy.access_records(1, Duration::from_secs(5));
    assert_eq!(records, [serde_json::json!({"path": "/x"})]);
    assert_eq!(
        envoy
            .stats("http.only.downstream_rq_2xx")
            .unwrap()
            .into_values()
            .collect::<Vec<_>>(),
        [1]
    );
    assert!(envoy.publish("anything").is_err());

    let (pid, directory) = (envoy.pid(), envoy.directory().to_owned());
    drop(envoy);
    assert!(!directory.exists());
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn a_failed_start_says_why() {
    let error = Envoy::start("static_resources: {listenerz: []}", &Options::default()).unwrap_err();
    assert!(format!("{error:#}").contains("listenerz"), "{error:#}");
}

#[test]
fn one_machine_runs_many() {
    let start = || Envoy::start(ANSWERS, &Options::default()).unwrap();
    let (one, other) = (start(), start());
    assert_ne!(one.address(), other.address());
    assert_ne!(one.admin_address(), other.admin_address());
}

#[test]
fn the_shipped_configurations_start_as_they_stand() {
    let wasm = toolgate_host::wasm::artifact().unwrap();
    for version in [DEFAULT_VERSION, OLDEST_VERSION] {
        let options = Options {
            version: version.to_owned(),
            concurrency: 2,
            ..Options::default()
        };
        let production = Config::production().unwrap().wasm(&wasm).unwrap();
        let envoy = Envoy::start(production, &options).unwrap();
        assert!(envoy.listener("mcp").is_some(), "{version}");

        let approvals = Config::approvals().unwrap().wasm(&wasm).unwrap();
        let envoy = Envoy::start(approvals, &options).unwrap();
        for listener in ["mcp", "console"] {
            assert!(envoy.listener(listener).is_some(), "{listener}, {version}");
        }

        let ecds = Config::ecds().unwrap().wasm(&wasm).unwrap();
        let envoy = Envoy::start(ecds.clone(), &options).unwrap();
        let updates = || {
            let stats = envoy.stats("extension_config_discovery.http_filter.toolgate.update_");
            let stats = stats.unwrap();
            ["success", "rejected"].map(|name| {
                stats[&format!("extension_config_discovery.http_filter.toolgate.update_{name}")]
            })
        };
        assert_eq!(updates(), [1, 0], "{version}");

        let changed = ecds.replace("\"max\": 1000", "\"max\": 2000").unwrap();
        envoy.publish(changed.filter().unwrap()).unwrap();
        wait_for(|| updates() == [2, 0], &envoy);
        let broken = changed
            .replace("\"default\": \"deny\"", "\"default\": \"sometimes\"")
            .unwrap();
        envoy.publish(broken.filter().unwrap()).unwrap();
        wait_for(|| updates() == [2, 1], &envoy);
    }
}

fn wait_for(condition: impl Fn() -> bool, envoy: &Envoy) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "{}", envoy.log_tail());
        std::thread::sleep(Duration::from_millis(20));
    }
}
