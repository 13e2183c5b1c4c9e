library(httr2)
site <- request(paste0(Sys.getenv("ECG_SITE", "http://127.0.0.1:5000"), "/api/v1"))
if (nzchar(Sys.getenv("ECG_KEY"))) site <- req_auth_bearer_token(site, Sys.getenv("ECG_KEY"))

job <- site |> req_url_path_append("records") |>
  req_body_multipart(file = curl::form_file("recordings.zip")) |>
  req_perform() |> resp_body_json()
repeat {
  state <- site |> req_url_path_append("jobs", job$job) |> req_perform() |> resp_body_json()
  if (state$state %in% c("done", "failed", "cancelled")) break
  Sys.sleep(0.2)
}
for (name in state$records) {
  finding <- site |> req_url_path_append("records", name) |> req_perform() |> resp_body_json()
  cat(name, finding$mi$present, round(finding$mi$probability, 2), "\n")
}
for (each in state$refused) cat(each$name, "refused:", each$reason, "\n")
