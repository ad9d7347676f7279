variables {
  site_name = "shop"
  image     = "ghcr.io/acme/shop:1.2.3"
  port      = 8080
}

run "a_public_image_needs_no_registry_file" {
  command = apply

  assert {
    condition     = !strcontains(output.user_data, "/etc/siteplane/docker")
    error_message = "There is a registry file without a registry."
  }
  assert {
    condition     = yamldecode(output.user_data).write_files[1].permissions == "0600"
    error_message = "The environment file can be read by others."
  }
  assert {
    condition     = base64decode(yamldecode(output.user_data).write_files[1].content) == "PORT=8080\nSITE_NAME=shop\n"
    error_message = "The environment file has not exactly PORT and SITE_NAME."
  }
  assert {
    condition     = strcontains(base64decode(yamldecode(output.user_data).write_files[2].content), "--publish 8080:8080 --security-opt no-new-privileges \"ghcr.io/acme/shop:1.2.3\"\n")
    error_message = "The unit does not run the image on its port."
  }
  assert {
    condition     = issensitive(output.user_data)
    error_message = "User data shows in plans."
  }
}

run "secrets_win_over_the_environment" {
  command = apply

  variables {
    env     = { LEVEL = "env", PORT = "9000" }
    secrets = { LEVEL = "secret" }
  }

  assert {
    condition     = base64decode(yamldecode(output.user_data).write_files[1].content) == "LEVEL=secret\nPORT=9000\nSITE_NAME=shop\n"
    error_message = "The environment is not merged in the order that the contract says."
  }
}

run "a_private_registry_is_a_file_that_only_root_reads" {
  command = apply

  variables {
    registry = { server = "ghcr.io", username = "acme", password = "hunter:2" }
  }

  assert {
    condition     = yamldecode(output.user_data).write_files[2].path == "/etc/siteplane/docker/config.json" && yamldecode(output.user_data).write_files[2].permissions == "0600"
    error_message = "The registry file is not where it should be or can be read by others."
  }
  assert {
    condition     = base64decode(jsondecode(base64decode(yamldecode(output.user_data).write_files[2].content)).auths["ghcr.io"].auth) == "acme:hunter:2"
    error_message = "The registry file has not the account."
  }
  assert {
    condition     = strcontains(base64decode(yamldecode(output.user_data).write_files[3].content), "ExecStartPre=-/usr/bin/docker --config /etc/siteplane/docker pull") && !strcontains(base64decode(yamldecode(output.user_data).write_files[3].content), "hunter")
    error_message = "The unit does not use the registry file, or has the password in its arguments."
  }
}

run "docker_hub_has_a_key_of_its_own" {
  command = apply

  variables {
    registry = { server = "docker.io", username = "acme", password = "hunter2" }
  }

  assert {
    condition     = keys(jsondecode(base64decode(yamldecode(output.user_data).write_files[2].content)).auths)[0] == "https://index.docker.io/v1/"
    error_message = "Docker would not find the account for Docker Hub."
  }
}

run "a_command_cannot_expand_unit_variables" {
  command = apply

  variables {
    command = "serve --greeting '100% $HOME'"
  }

  assert {
    condition     = strcontains(base64decode(yamldecode(output.user_data).write_files[2].content), "1.2.3\" serve --greeting '100%% $$HOME'\n")
    error_message = "systemd would expand the command."
  }
}

# Six KiB in all is what the site modules let through, so they must fit beside everything else at its longest.
run "six_kibibytes_of_environment_fit" {
  command = apply

  variables {
    site_name = "a23456789012345678901234567890bc"
    image     = replace(format("%255s", ""), " ", "i")
    env       = { BIG = replace(format("%6144s", ""), " ", "e"), DATABASE_URL = replace(format("%640s", ""), " ", "d") }
    registry  = { server = "registry.example.com:5000", username = "acme", password = "hunter2" }
  }

  assert {
    condition     = length(output.user_data) <= 16384
    error_message = "The longest environment does not fit into 16 KiB."
  }
}

run "six_kibibytes_of_registry_token_fit" {
  command = apply

  variables {
    site_name = "a23456789012345678901234567890bc"
    image     = replace(format("%255s", ""), " ", "i")
    env       = { DATABASE_URL = replace(format("%640s", ""), " ", "d") }
    registry  = { server = "registry.example.com:5000", username = "acme", password = replace(format("%6144s", ""), " ", "p") }
  }

  assert {
    condition     = length(output.user_data) <= 16384
    error_message = "The longest token does not fit into 16 KiB."
  }
}

run "more_than_sixteen_kibibytes_are_refused" {
  command = plan

  variables {
    env = { BIG = replace(format("%16384s", ""), " ", "e") }
  }

  expect_failures = [output.user_data]
}

run "a_value_with_a_line_break_is_refused" {
  command = plan

  variables {
    env     = { NOTE = "one\ntwo" }
    secrets = { NOTE = "one\ntwo" }
  }

  expect_failures = [var.env, var.secrets]
}

run "names_that_no_shell_takes_are_refused" {
  command = plan

  variables {
    env     = { "1ST" = "x" }
    secrets = { "a-b" = "x" }
  }

  expect_failures = [var.env, var.secrets]
}

run "a_command_that_leaves_its_line_is_refused" {
  command = plan

  variables {
    command = "serve \\"
  }

  expect_failures = [var.command]
}

run "the_port_of_ssh_and_an_image_with_a_shell_in_it_are_refused" {
  command = plan

  variables {
    port      = 22
    image     = "nginx$(id)"
    site_name = "Shop"
    registry  = { server = "https://ghcr.io", username = "a:b", password = "x" }
  }

  expect_failures = [var.port, var.image, var.site_name, var.registry]
}
