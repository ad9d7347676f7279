# Values of a shape that the provider's own checks take.
mock_provider "google" {
  mock_resource "google_service_account" {
    defaults = {
      email  = "shop-2f1c8a90@acme-web.iam.gserviceaccount.com"
      member = "serviceAccount:shop-2f1c8a90@acme-web.iam.gserviceaccount.com"
    }
  }
  mock_resource "google_compute_region_instance_template" {
    defaults = { self_link = "https://www.googleapis.com/compute/v1/projects/acme-web/regions/europe-west3/instanceTemplates/shop-1" }
  }
  mock_resource "google_compute_region_instance_group_manager" {
    defaults = { instance_group = "https://www.googleapis.com/compute/v1/projects/acme-web/regions/europe-west3/instanceGroups/shop-2f1c8a90" }
  }
  mock_resource "google_compute_global_address" {
    defaults = { address = "203.0.113.7" }
  }
}

variables {
  name               = "shop-2f1c8a90"
  service_account_id = "shop-2f1c8a90"
  region             = "europe-west3"
  machine_type       = "e2-medium"
  scaling            = { min = 1, max = 3 }
  subnetwork_id      = "projects/acme-web/regions/europe-west3/subnetworks/shop-2f1c8a90-instances"
  instance_tag       = "shop-2f1c8a90"
  port               = 8080
  health_path        = "/health"
  bucket_access      = false
  user_data          = "#cloud-config\n"
  labels             = { site_id = "2f1c8a90-0000-4000-8000-000000000001" }
}

run "a_new_template_reaches_what_runs_before_the_old_one_goes" {
  command = apply

  assert {
    condition     = one(google_compute_region_instance_group_manager.web.version).instance_template == google_compute_region_instance_template.web.self_link && google_compute_region_instance_group_manager.web.update_policy[0].type == "PROACTIVE"
    error_message = "The group does not follow its template."
  }
  assert {
    condition     = google_compute_region_instance_group_manager.web.update_policy[0].max_unavailable_fixed == 0 && google_compute_region_instance_group_manager.web.update_policy[0].max_surge_fixed == 3
    error_message = "An update takes instances away before their successors are healthy, or has a surge that Google refuses."
  }
  assert {
    condition     = output.ip_address == "203.0.113.7" && output.service_account == "shop-2f1c8a90@acme-web.iam.gserviceaccount.com"
    error_message = "The address is not the balancer's, or the account not the instances'."
  }
}

run "user_data_does_not_show_in_plans" {
  command = plan

  assert {
    condition     = issensitive(google_compute_region_instance_template.web.metadata["user-data"]) && !issensitive(google_compute_region_instance_template.web.metadata["enable-oslogin"])
    error_message = "User data shows, or the mark has spread."
  }
}

run "instances_are_private_shielded_and_have_an_account_of_their_own" {
  command = plan

  assert {
    condition     = length(google_compute_region_instance_template.web.network_interface[0].access_config) == 0
    error_message = "Instances have public addresses."
  }
  assert {
    condition     = google_compute_region_instance_template.web.shielded_instance_config[0].enable_secure_boot && google_compute_region_instance_template.web.metadata["enable-oslogin"] == "TRUE" && google_compute_region_instance_template.web.metadata["block-project-ssh-keys"] == "TRUE"
    error_message = "Instances start anything, or let the project's SSH keys in."
  }
  assert {
    condition     = google_service_account.instances.account_id == "shop-2f1c8a90" && length(google_compute_region_instance_template.web.service_account) == 1
    error_message = "Instances do not have an account of their own."
  }
}

run "the_health_path_is_asked_for_by_balancer_and_repair" {
  command = plan

  assert {
    condition     = alltrue([for check in [google_compute_health_check.balancer, google_compute_health_check.repair] : check.http_health_check[0].request_path == "/health" && check.http_health_check[0].port == 8080])
    error_message = "The health path is not asked for on the application's port."
  }
  assert {
    condition     = one(google_compute_region_instance_group_manager.web.named_port).port == 8080 && google_compute_backend_service.web.port_name == one(google_compute_region_instance_group_manager.web.named_port).name
    error_message = "The balancer does not reach the application's port."
  }
}

run "without_a_certificate_port_80_forwards" {
  command = plan

  assert {
    condition     = google_compute_global_forwarding_rule.http.port_range == "80" && length(google_compute_global_forwarding_rule.https) == 0 && length(google_compute_url_map.redirect) == 0
    error_message = "HTTP is not served on 80 alone."
  }
}

run "with_a_certificate_port_80_redirects_and_443_forwards" {
  command = plan

  variables {
    certificate = "projects/acme-web/global/sslCertificates/shop"
  }

  assert {
    condition     = google_compute_url_map.redirect[0].default_url_redirect[0].https_redirect && google_compute_url_map.redirect[0].default_url_redirect[0].redirect_response_code == "MOVED_PERMANENTLY_DEFAULT"
    error_message = "Port 80 does not redirect to 443."
  }
  assert {
    condition     = google_compute_target_https_proxy.web[0].ssl_certificates == tolist([var.certificate]) && google_compute_target_https_proxy.web[0].certificate_map == null && google_compute_global_forwarding_rule.https[0].port_range == "443"
    error_message = "Port 443 does not serve the certificate."
  }
  assert {
    condition     = google_compute_ssl_policy.web[0].min_tls_version == "TLS_1_2"
    error_message = "Old TLS is taken."
  }
}

run "a_certificate_map_is_taken_as_one" {
  command = plan

  variables {
    certificate = "//certificatemanager.googleapis.com/projects/acme-web/locations/global/certificateMaps/shop"
  }

  assert {
    condition     = google_compute_target_https_proxy.web[0].certificate_map == var.certificate && google_compute_target_https_proxy.web[0].ssl_certificates == null
    error_message = "The map is not taken as one."
  }
}

run "a_range_of_instances_follows_the_cpu" {
  command = plan

  assert {
    condition     = google_compute_region_autoscaler.web.autoscaling_policy[0].min_replicas == 1 && google_compute_region_autoscaler.web.autoscaling_policy[0].max_replicas == 3 && google_compute_region_autoscaler.web.autoscaling_policy[0].cpu_utilization[0].target == 0.6
    error_message = "The group does not scale between its limits."
  }
}

run "a_fixed_number_of_instances_is_both_limits" {
  command = plan

  variables {
    scaling = { min = 2, max = 2 }
  }

  assert {
    condition     = google_compute_region_autoscaler.web.autoscaling_policy[0].min_replicas == 2 && google_compute_region_autoscaler.web.autoscaling_policy[0].max_replicas == 2
    error_message = "A fixed number would be scaled."
  }
}

run "the_account_has_the_bucket_and_no_other" {
  command = apply

  variables {
    bucket_access = true
    bucket_name   = "shop-2f1c8a90"
  }

  assert {
    condition     = google_storage_bucket_iam_member.instances[0].bucket == "shop-2f1c8a90" && google_storage_bucket_iam_member.instances[0].role == "roles/storage.objectUser" && google_storage_bucket_iam_member.instances[0].member == "serviceAccount:shop-2f1c8a90@acme-web.iam.gserviceaccount.com"
    error_message = "The account may touch more than the site's bucket, or not even that."
  }
}

run "without_a_bucket_the_account_has_none" {
  command = plan

  assert {
    condition     = length(google_storage_bucket_iam_member.instances) == 0
    error_message = "The account has a bucket that is not there."
  }
}

run "everything_that_has_labels_carries_them" {
  command = plan

  variables {
    certificate = "projects/acme-web/global/sslCertificates/shop"
  }

  assert {
    condition = alltrue([
      for labels in [
        google_compute_region_instance_template.web.labels,
        google_compute_region_instance_template.web.disk[0].labels,
        google_compute_region_instance_group_manager.web.all_instances_config[0].labels,
        google_compute_global_address.balancer.labels,
        google_compute_global_forwarding_rule.http.labels,
        google_compute_global_forwarding_rule.https[0].labels,
      ] : labels["site_id"] == "2f1c8a90-0000-4000-8000-000000000001"
    ])
    error_message = "Something lacks the site's labels."
  }
}

run "values_out_of_their_limits_are_refused" {
  command = plan

  variables {
    name               = "a-name-that-has-more-than-32-chars"
    service_account_id = "shop"
    scaling            = { min = 3, max = 2 }
    port               = 70000
    health_path        = "health"
    user_data          = replace(format("%262145s", ""), " ", "x")
  }

  expect_failures = [var.name, var.service_account_id, var.scaling, var.port, var.health_path, var.user_data]
}
